# /// expect
# # Python frames live in linear memory, which runs out; a C stack in between would trap first.
# kinds = ["memory_exceeded", "exception"]
# memory_mb = 128
# twice = true
# ///
"""Endless recursion in Python after lifting the interpreter's limit."""

import sys


def calculate(inputs):
    sys.setrecursionlimit(2**31 - 1)
    return calculate(inputs)
