"""A call's own randomness, although its interpreter may be older than the call.

A generator that was made or seeded without a seed draws from the system's entropy. Where
the interpreter's state is kept and used for many calls, such a generator would give them
all the same numbers: so those are remembered, and seeded again as each call begins. What
an author seeded by hand stays as it is.
"""

import os
import random
import tempfile
import uuid
import weakref
from _random import Random as _Generator

# As many bits as anything can guess.
_SEED_BYTES = 32

# Weak references by identity: a generator may live shorter than what is kept.
_unseeded = {}
_seed_by_hand = random.Random.seed
_set_state = random.Random.setstate

draws = 0
"""How often the host was asked for a seed since `forget_draws`."""


def install():
    """Begins to remember. Once, when the image is made."""

    def seed(self, a=None, version=2):
        """Initialises the generator: from `a`, or afresh for each call if it is None."""
        if a is None:
            _seed_afresh(self)
            _remember(self)
        else:
            _seed_by_hand(self, a, version)
            _forget(self)

    def setstate(self, state):
        """Restores internal state from an object returned by getstate()."""
        _set_state(self, state)
        _forget(self)

    random.Random.seed = seed
    random.Random.setstate = setstate
    random.seed = random._inst.seed
    random.setstate = random._inst.setstate
    _remember(random._inst)


def _remember(generator):
    key = id(generator)
    if key not in _unseeded:
        _unseeded[key] = weakref.ref(generator, lambda _: _unseeded.pop(key, None))


def _forget(generator):
    _unseeded.pop(id(generator), None)


def _seed_afresh(generator):
    global draws
    draws += 1
    # By an integer: Python's own way hashes bytes first, and asks for ten times more.
    _Generator.seed(generator, int.from_bytes(os.urandom(_SEED_BYTES)))
    generator.gauss_next = None


def forget_draws():
    global draws
    draws = 0


def begin():
    """Gives what was not seeded by hand a state that no other call has."""
    for reference in tuple(_unseeded.values()):
        generator = reference()
        if generator is not None:
            _seed_afresh(generator)
    tempfile._name_sequence = None
    uuid._node = None
    uuid._last_timestamp = None
