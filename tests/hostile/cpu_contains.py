# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Looks for what an endless iterator never yields: `in` loops in C."""

import itertools


def calculate(inputs):
    return 1 in itertools.repeat(0)
