# /// expect
# kind = "invalid_outputs"
# contains = "key"
# ///
"""A key that is a tuple."""


def calculate(inputs):
    return {(1, 2): 3}
