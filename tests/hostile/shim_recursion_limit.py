# /// expect
# # The lowest limit that is allowed here leaves the shim nearly no frames.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""Lowers the recursion limit to where it stands, then returns what has to be walked."""

import sys


def calculate(inputs):
    for limit in range(1, 1000):
        try:
            sys.setrecursionlimit(limit)
        except RecursionError:
            continue
        break
    return {"a": [({"b": (1, 2)},)]}
