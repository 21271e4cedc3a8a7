# /// expect
# kind = "invalid_outputs"
# contains = "set"
# ///
"""A set, which has no order."""


def calculate(inputs):
    return {1, 2, 3}
