"""Keeping what calls write together.

A heap that has seen imports is full of holes. What a call allocates would go into them, and
be spread over hundreds of pages that are otherwise only read; each has to be copied when it
is first written, and put back afterwards. So before the heap is kept its holes are filled,
for good, with zeros: what comes after lies together.
"""

# The C library's allocator, which is also Python's here: what its chunks' sizes are
# multiples of, and what it takes of each for itself.
STEP, OVERHEAD = 16, 4

# Holes that are looked for, largest first; below the second, every size.
LARGEST_HOLE, EVERY_HOLE = 512 << 10, 1 << 10

# Most fillers: a bound, in case that the allocator is another.
MOST = 200_000

# Fillers are remembered in so many lists of so many: one list that grew would leave holes.
PER_LIST = 1_000

_HEADER = b"".__sizeof__()

_fillers = None


def fill_holes():
    """Takes every hole of the heap, and keeps it."""
    global _fillers
    # Larger than any hole, it lies beyond them; as does what no hole fits.
    beyond = bytes(4 * LARGEST_HOLE)
    limit, row, at = id(beyond), _fillers, 0
    for make in _makers():
        while at < MOST:
            filler = make()
            if id(filler) > limit:
                break
            if at % PER_LIST == 0:
                # Each list holds the one before, and the first what was kept earlier.
                row = [row] + [None] * PER_LIST
            row[1 + at % PER_LIST] = filler
            at += 1
    _fillers = row


def _makers():
    """What makes objects that each fill a chunk, by size."""
    size = LARGEST_HOLE
    while size > STEP:
        length = size - OVERHEAD - _HEADER
        yield lambda: bytes(length)
        size = size * 7 // 8 // STEP * STEP if size > EVERY_HOLE else size - STEP
    yield object
