# /// expect
# kind = "invalid_outputs"
# contains = "digits"
# ///
"""An integer of ten thousand digits."""


def calculate(inputs):
    return {"n": 10**10_000}
