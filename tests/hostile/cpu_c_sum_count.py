# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""The sum of all natural numbers, in C: its partial sums fit in memory for longer than anybody waits."""

import itertools


def calculate(inputs):
    return sum(itertools.count())
