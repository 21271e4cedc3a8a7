# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A transcendental function to a million digits: libmpdec checks nothing on the way."""

import decimal


def calculate(inputs):
    decimal.getcontext().prec = 1_000_000
    return str(decimal.Decimal(2).ln())[:10]
