# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""The tightest endless loop in C: a deque of length zero swallows an endless iterator."""

import collections
import itertools


def calculate(inputs):
    collections.deque(itertools.repeat(None), maxlen=0)
    return 1
