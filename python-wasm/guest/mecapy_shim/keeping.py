"""Readying an interpreter whose state is kept, and in which many calls begin."""

import gc
import io
import linecache
import os

from . import heap, loading, randomness

# Room on the heap: a call whose memory grows cannot have its memory used again.
HEADROOM = 2 << 20

# Files that are named, of those that a package holds open.
MOST_NAMED = 5


_keeping = False
_loaded = (0, 0, False)


def handler_is_loaded():
    """Notes what the shim itself has asked of the host by now, and what the handler has drawn
    of random numbers."""
    global _loaded
    drawn = False
    if _keeping:
        drawn = randomness.has_drawn()
        randomness.made_in_calls = []
    _loaded = (randomness.draws, loading.clock_readings, drawn)


def settle():
    """Tells what cannot be kept, and puts the heap in order.

    `draws` and `clock_readings`: how often the shim itself asked the host for a seed and
    for the time while the handler was loaded; `has_drawn`: whether random numbers were drawn
    meanwhile; `open_files`: paths of files that are open.
    """
    linecache.clearcache()
    gc.collect()
    randomness.settle()
    answer = {
        "draws": _loaded[0],
        "clock_readings": _loaded[1],
        "has_drawn": _loaded[2],
        "open_files": _open_files(),
    }
    heap.fill_holes()
    bytearray(HEADROOM)
    # What is there now lives as long as the calls: looking at it in each would touch, and
    # so copy, every page of it.
    gc.freeze()
    return answer


def _open_files():
    return [
        str(found.name)
        for found in gc.get_objects()
        if isinstance(found, io.FileIO) and not found.closed and found.fileno() > 2
    ][:MOST_NAMED]


def wake():
    """Lets the system interface make its own state, which no call then has to. Begins and
    ends what becomes a snapshot."""
    global _keeping
    _keeping = not _keeping
    os.urandom(1)


def get_ready():
    """What was looked up before, and then replaced while the handler was imported, is looked
    up again."""
    from . import warmup

    warmup.again()
