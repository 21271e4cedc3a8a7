# /// expect
# # As above: nearly nothing works any more, the shim's report of it included.
# kinds = ["completed", "exception"]
# result = 1
# twice = true
# ///
"""Empties the module of built-in names."""

import builtins


def calculate(inputs):
    builtins.__dict__.clear()
    return 1
