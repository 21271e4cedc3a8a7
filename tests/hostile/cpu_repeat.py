# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A `for` loop whose iterator never ends."""

import itertools


def calculate(inputs):
    n = 0
    for _ in itertools.repeat(None):
        n ^= 1
    return n
