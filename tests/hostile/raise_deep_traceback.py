# /// expect
# # The frames live in linear memory; freeing them may end the stack.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 256
# ///
"""An exception through a hundred thousand frames: its traceback is cut."""

import sys


def deeper(n):
    if n == 0:
        raise ValueError("at the bottom")
    deeper(n - 1)


def calculate(inputs):
    sys.setrecursionlimit(1_000_000)
    deeper(100_000)
