# /// expect
# kind = "exception"
# ///
"""An exception group of a hundred thousand: the report is bounded."""


def calculate(inputs):
    raise ExceptionGroup("many", [ValueError(n) for n in range(100_000)])
