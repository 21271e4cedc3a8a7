# /// expect
# kind = "invalid_outputs"
# ///
"""A function."""


def calculate(inputs):
    return calculate
