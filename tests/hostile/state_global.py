# /// expect
# kind = "completed"
# result = 1
# twice = true
# ///
"""Counts its calls in a global: every call is the first."""

COUNT = [0]


def calculate(inputs):
    COUNT[0] += 1
    calculate.count = getattr(calculate, "count", 0) + 1
    return max(COUNT[0], calculate.count)
