"""Generators that were not seeded by hand are seeded again for each call."""

import subprocess
import sys

import pytest

from conftest import GUEST

PROGRAM = """
import random, sys
sys.path[:0] = [{guest!r}, {site!r}]
from mecapy_shim import randomness
randomness.install()
{lines}
"""


def run(lines):
    """Runs lines in an interpreter of their own: installing is for good."""
    program = PROGRAM.format(guest=str(GUEST), site=str(GUEST / "site"), lines=lines)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_unseeded_generators_begin_anew():
    run("""
own = random.Random()
states = [own.getstate(), random.getstate()]
randomness.begin()
assert own.getstate() != states[0] and random.getstate() != states[1]
assert own.getstate() != random.getstate()
""")


@pytest.mark.parametrize("by_hand", [
    "g = random.Random(7)",
    "g = random.Random(); g.seed(7)",
    "g = random.Random(); g.setstate(random.Random(7).getstate())",
    "g = random.Random(); g.seed('7')",
    "random.seed(7); g = random._inst",
    "random.setstate(random.Random(7).getstate()); g = random._inst",
])
def test_what_was_seeded_by_hand_stays(by_hand):
    run(f"""
{by_hand}
state = g.getstate()
randomness.begin()
assert g.getstate() == state
""")


def test_seeding_with_nothing_makes_it_fresh_again():
    run("""
g = random.Random(7)
g.seed()
state = g.getstate()
randomness.begin()
assert g.getstate() != state
""")


def test_gauss_has_no_half_of_an_earlier_pair():
    run("""
random.gauss(0, 1)
randomness.begin()
assert random._inst.gauss_next is None
""")


def test_generators_that_are_gone_are_forgotten():
    run("""
before = len(randomness._unseeded)
for _ in range(10_000):
    random.Random().random()
kept = [random.Random() for _ in range(10_000)]
assert len(randomness._unseeded) == before
for generator in kept:
    generator.random()
assert len(randomness._unseeded) == before + 10_000
del kept, generator
assert len(randomness._unseeded) == before
""")


@pytest.mark.parametrize("use", [
    "g.random()", "g.getrandbits(9)", "g.randint(1, 9)", "g.gauss(0, 1)", "g.shuffle([1, 2, 3])",
    "g.randbytes(3)", "g.sample(range(9), 2)", "g.getstate()", "copy.copy(g).random()",
    "pickle.loads(pickle.dumps(g)).random()", "draw()",
])
def test_a_generator_sleeps_until_it_is_used(use):
    run(f"""
import copy, pickle
randomness.forget_draws()
g = random.Random()
draw = g.random
assert randomness.draws == 0 and isinstance(g, random.Random) and not randomness.has_drawn()
assert repr(g).startswith("<random.Random object")
{use}
assert type(g) is random.Random
first = g.getstate()
draw(); draw()
assert g.getstate() != first and randomness.draws == 0
""")


def test_seeding_afresh_within_a_call_gives_other_numbers():
    run("""
randomness.begin()
drawn = [random.random()]
for _ in range(3):
    random.seed()
    drawn.append(random.random())
own = random.Random()
for _ in range(3):
    own.seed()
    drawn.append(own.random())
assert len(set(drawn)) == 7
""")


def test_draws_are_noticed_before_seeding():
    for then in ["random.seed()", "random.seed(3)", "random.setstate(random.Random(1).getstate())"]:
        run(f"""
randomness.begin_load()
random.random()
{then}
assert randomness.has_drawn()
randomness.begin()
assert not randomness.has_drawn()
""")


def test_generators_that_no_method_can_wake_stay_awake():
    run("""
g = random.Random(5)
draw = g.random
g.seed()
assert type(g) is random.Random
first = [draw() for _ in range(3)]
randomness.begin()
assert [draw() for _ in range(3)] != first
sleeping = [random.Random() for _ in range(9)]
assert len({random.Random.random(g) for g in sleeping}) == 9
""")


def test_sleeping_generators_differ():
    run("""
kept = [random.Random() for _ in range(100)]
assert len({g.random() for g in kept}) == 100
assert len({g._randbelow(1 << 60) for g in kept}) == 100
""")


def test_what_was_drawn_is_noticed():
    run("""
randomness.begin()
own = random.Random()
own.random()
assert not randomness.has_drawn()
random.random()
assert randomness.has_drawn()
randomness.begin()
assert not randomness.has_drawn()
for _ in range(624):
    random.getrandbits(32)
assert randomness.has_drawn()
randomness.begin()
random.seed(7)
random.random()
assert not randomness.has_drawn()
""")


def test_subclasses_that_seed_themselves_are_left_alone():
    run("""
class Fixed(random.Random):
    def seed(self, a=None, version=2):
        super().seed(1)
g = Fixed()
state = g.getstate()
randomness.begin()
assert g.getstate() == state
random.SystemRandom().random()
""")


def test_seeds_are_counted():
    run("""
randomness.forget_draws()
random.Random().random(); random.Random(3)
assert randomness.draws == 0
randomness.begin()
assert randomness.draws == 1
""")


def test_what_a_generator_gives_does_not_depend_on_when_it_is_first_used():
    run("""
import os
os.urandom = lambda length: bytes(range(length))
randomness.begin_load()
one, other, late = random.Random(), random.Random(), random.Random()
other.random()
randomness.begin()
first = [random.random(), one.random(), other.random(), late.gauss(), random.Random().random()]
assert len(set(first)) == 5
randomness.settle()
assert type(other).random is randomness._Sleeping.random
randomness.begin()
second = [random.Random().random(), late.gauss(), other.random(), one.random(), random.random()]
assert second[::-1][1:4] == first[1:4] and second[4] == first[0] and second[0] == first[4]
""")


def test_methods_of_the_own_type_keep_a_generator_awake():
    run("""
g = random.Random()
g.random()
draw = g.random
randomness.settle()
assert type(g) is random.Random
before = draw()
state = g.getstate()
randomness.begin()
assert g.getstate() != state
del draw
randomness.settle()
assert type(g) is randomness._Sleeping
""")


def test_what_is_made_by_calls_before_is_unlike_what_later_ones_make():
    run("""
randomness.begin_load()
kept = [random.Random()]
randomness.made_in_calls = []
for call in range(3):
    randomness.begin()
    kept.append(random.Random())
    kept[-1].random()
randomness.settle()
for _ in range(2):
    randomness.begin()
    made = [random.Random() for _ in range(3)]
    assert len({g.random() for g in kept + made}) == 7
""")
