"""A call's own randomness, although its interpreter may be older than the call.

A generator that was made or seeded without a seed draws from the system's entropy. Where
the interpreter's state is kept and used for many calls, such a generator would give them
all the same numbers. So each call begins with a seed of its own, of which every generator
that its author did not seed has a part by its number: those that were used before are
seeded again as the call begins, and the others sleep until they are first used.
"""

import gc
import os
import random
import tempfile
import types
import uuid
import weakref
from _random import Random as _Generator

# As many bits as anything can guess. A generator's number comes above them.
_SEED_BYTES = 32
_NUMBER_AT = 8 * _SEED_BYTES

# Numbers are counted from here while a handler is loaded, and from there within a call, anew
# in each. The generator that all share has none.
_FIRST_OF_LOAD, _FIRST_OF_CALL = 1 << 31, 1 << 32

# Weak references by identity: a generator may live shorter than what is kept.
_unseeded = {}
_seed_by_hand = random.Random.seed
_set_state = random.Random.setstate

_has_drawn = False
_call_seed = 0
_next_number = 1

draws = 0
"""How often the host was asked for a seed since `forget_draws`."""

made_in_calls = None
"""While a snapshot is made: references to what its calls have made."""


def install():
    """Begins to remember. Once, when the image is made."""

    def seed(self, a=None, version=2):
        """Initialises the generator: from `a`, or afresh for each call if it is None."""
        if self is random._inst:
            _note_draws()
        if a is not None:
            _seed_by_hand(self, a, version)
            _forget(self)
            return
        is_new = type(self) is random.Random and "gauss_next" not in self.__dict__
        _number(self)
        _seed(self)
        # One that was used may be known by methods that cannot wake it.
        if is_new:
            _put_to_sleep(self)

    def setstate(self, state):
        """Restores internal state from an object returned by getstate()."""
        if self is random._inst:
            _note_draws()
        _set_state(self, state)
        _forget(self)

    random.Random.seed = seed
    random.Random.setstate = setstate
    random.seed = random._inst.seed
    random.setstate = random._inst.setstate
    random._inst.seed()


class _Sleeping(random.Random):
    """A generator without a seed, until it is first used; then what it seems to be."""

    def random(self):
        """random() -> x in the interval [0, 1)."""
        return _woken(self).random()

    def getrandbits(self, k, /):
        """getrandbits(k) -> x.  Generates an int with k random bits."""
        return _woken(self).getrandbits(k)

    def getstate(self):
        """Return internal state; can be passed to setstate() later."""
        return _woken(self).getstate()

    def setstate(self, state):
        """Restore internal state from object returned by getstate()."""
        _awake(self).setstate(state)

    def seed(self, a=None, version=2):
        """Initialize internal state from a seed."""
        _awake(self).seed(a, version)

    def __reduce__(self):
        return _woken(self).__reduce__()


_Sleeping.__name__ = _Sleeping.__qualname__ = "Random"
_Sleeping.__module__ = "random"


def _put_to_sleep(generator):
    generator.__class__ = _Sleeping
    generator.gauss_next = None
    _forget(generator)


def _awake(generator):
    generator.__class__ = random.Random
    return generator


def _woken(generator):
    # A method that was looked up while it slept may be called at any time.
    if type(generator) is _Sleeping:
        _seed(_awake(generator))
    return generator


def _number(generator):
    """Numbers it, unlike any other of its call's."""
    global _next_number
    generator._mecapy_number = _next_number
    _next_number += 1
    if made_in_calls is not None:
        made_in_calls.append(weakref.ref(generator))


def _seed(generator):
    # By an integer: Python's own way hashes bytes first, and asks for ten times more.
    _Generator.seed(generator, _call_seed | generator._mecapy_number << _NUMBER_AT)
    generator.gauss_next = None
    key = id(generator)
    if key not in _unseeded:
        _unseeded[key] = weakref.ref(generator, lambda _: _unseeded.pop(key, None))


def _forget(generator):
    _unseeded.pop(id(generator), None)


def forget_draws():
    global draws
    draws = 0


def begin():
    """Begins a load, or a call: what was not seeded by hand has a state that no other has."""
    global draws, _call_seed, _next_number, _has_drawn
    draws += 1
    _call_seed = int.from_bytes(os.urandom(_SEED_BYTES))
    if made_in_calls:
        _keep_numbers()
    _next_number = _FIRST_OF_CALL
    _has_drawn = False
    # Seeded by hand, it is not among those that are seeded now.
    random._inst._mecapy_number = 0
    for reference in tuple(_unseeded.values()):
        generator = reference()
        if generator is not None:
            _seed(generator)
    tempfile._name_sequence = None
    uuid._node = None
    uuid._last_timestamp = None


def begin_load():
    """As `begin`; numbers are those of generators that calls find made."""
    global _next_number
    begin()
    _next_number = _FIRST_OF_LOAD


def has_drawn():
    """Whether anything was drawn from the generator that all share since it was last seeded
    by chance. Packages draw from others for purposes of their own, such as an order."""
    _note_draws()
    return _has_drawn


def _note_draws():
    global _has_drawn
    _has_drawn = _has_drawn or _differs()


def _differs():
    if id(random._inst) not in _unseeded:
        return False
    fresh = _Generator(_call_seed | random._inst._mecapy_number << _NUMBER_AT)
    return _Generator.getstate(random._inst) != fresh.getstate()


_kept_numbers = 2 * _FIRST_OF_CALL


def _keep_numbers():
    """Gives what an earlier call has made numbers that no later call gives."""
    global _kept_numbers
    for reference in made_in_calls:
        generator = reference()
        if generator is not None:
            generator._mecapy_number = _kept_numbers
            _kept_numbers += 1
    made_in_calls.clear()


def settle():
    """Puts to sleep what can be woken: a method of the generator's own type cannot wake it."""
    global made_in_calls
    if made_in_calls:
        _keep_numbers()
    made_in_calls = None
    for reference in tuple(_unseeded.values()):
        generator = reference()
        if type(generator) is not random.Random or generator is random._inst:
            continue
        if not any(type(x) is types.BuiltinMethodType for x in gc.get_referrers(generator)):
            _put_to_sleep(generator)
