# /// expect
# # Working storage for 425 million digits is more than the cap; were it less, time would run out.
# kinds = ["memory_exceeded", "timeout"]
# timeout_ms = 1000
# memory_mb = 128
# ///
"""One division to the highest precision that `decimal` takes."""

import decimal


def calculate(inputs):
    context = decimal.getcontext()
    context.prec = decimal.MAX_PREC
    context.Emax, context.Emin = decimal.MAX_EMAX, decimal.MIN_EMIN
    return str(decimal.Decimal(1) / 7)[:10]
