# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""The factorial of ten million, in one C call."""

import math


def calculate(inputs):
    return math.factorial(10**7) % 1_000_003
