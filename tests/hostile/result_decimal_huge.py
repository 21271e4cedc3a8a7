# /// expect
# kind = "invalid_outputs"
# ///
"""A Decimal whose integer would have a billion digits."""

import decimal


def calculate(inputs):
    return {"n": decimal.Decimal("1e400000000")}
