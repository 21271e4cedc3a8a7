# /// expect
# # The tree behind forty references has 2**40 leaves; which limit meets it first does not matter.
# kinds = ["memory_exceeded", "timeout", "output_too_large"]
# timeout_ms = 1500
# memory_mb = 64
# ///
"""Forty lists, each twice in the next: tiny in memory, a terabyte as JSON."""


def calculate(inputs):
    value = ["x"]
    for _ in range(40):
        value = [value, value]
    return value
