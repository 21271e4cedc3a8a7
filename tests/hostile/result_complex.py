# /// expect
# kind = "invalid_outputs"
# contains = "complex"
# ///
"""A complex number."""


def calculate(inputs):
    return {"root": 1j}
