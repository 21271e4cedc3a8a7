# /// expect
# kind = "memory_exceeded"
# ///
"""The same padding by a format specification."""


def calculate(inputs):
    return len(f"{1:>1000000000}")
