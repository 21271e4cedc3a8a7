# /// expect
# kind = "memory_exceeded"
# ///
"""A list of a hundred million items."""


def calculate(inputs):
    return len([0] * 10**8)
