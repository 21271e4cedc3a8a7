# /// expect
# # The interpreter's own check of the C stack, the wasm stack or linear memory: whichever is least.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 128
# ///
"""Endless recursion that goes through C at each step, after lifting the interpreter's limit."""

import functools
import sys


def step(x):
    return functools.reduce(lambda a, b: step(b), [x, x])


def calculate(inputs):
    sys.setrecursionlimit(2**31 - 1)
    return step(1)
