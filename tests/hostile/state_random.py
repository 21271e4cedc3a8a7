# /// expect
# kind = "completed"
# result = false
# twice = true
# ///
"""Seeds the shared generator: the next call must not go on from there."""

import random


def calculate(inputs):
    expected = random.Random(42)
    sequence = [expected.random() for _ in range(10)]
    seen = random.random() in sequence
    random.seed(42)
    random.random()
    return seen
