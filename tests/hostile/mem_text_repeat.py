# /// expect
# kind = "memory_exceeded"
# ///
"""A text of a billion characters."""


def calculate(inputs):
    return len("x" * 10**9)
