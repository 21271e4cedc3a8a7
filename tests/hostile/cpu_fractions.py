# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Exact sums whose denominators grow without end."""

from fractions import Fraction


def calculate(inputs):
    total, n = Fraction(0), 1
    while True:
        total += Fraction(1, n)
        n += 1
