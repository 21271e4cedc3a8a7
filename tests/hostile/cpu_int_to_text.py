# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Writes a number of nine million digits, after lifting the interpreter's own limit."""

import sys


def calculate(inputs):
    sys.set_int_max_str_digits(0)
    return len(str((1 << 30_000_000) - 1))
