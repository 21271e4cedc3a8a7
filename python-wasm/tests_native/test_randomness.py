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
    random.Random()
kept = [random.Random() for _ in range(10_000)]
assert len(randomness._unseeded) == before + 10_000
del kept
assert len(randomness._unseeded) == before
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
random.Random(); random.Random(3)
assert randomness.draws == 1
randomness.begin()
assert randomness.draws == 2
""")
