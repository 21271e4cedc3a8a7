# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""All combinations of a little: a billion tuples."""

import itertools


def calculate(inputs):
    return len(list(itertools.product(range(1000), repeat=3)))
