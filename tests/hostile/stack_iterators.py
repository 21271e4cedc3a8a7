# /// expect
# kind = "exception"
# ///
"""A chain of iterators a million long, each asking the next in C."""

import itertools


def calculate(inputs):
    items = iter([1])
    for _ in range(1_000_000):
        items = itertools.chain(items)
    return next(items)
