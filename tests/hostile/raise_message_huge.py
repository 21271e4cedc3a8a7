# /// expect
# kind = "exception"
# ///
"""An exception with an argument of twenty megabytes: what is stored and sent of it is bounded."""


def calculate(inputs):
    raise ValueError("x" * 20_000_000)
