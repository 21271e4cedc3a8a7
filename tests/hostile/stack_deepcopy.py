# /// expect
# kind = "exception"
# ///
"""Copies a nest deeper than the recursion limit."""

import copy


def calculate(inputs):
    nest = []
    for _ in range(100_000):
        nest = [nest]
    return len(copy.deepcopy(nest))
