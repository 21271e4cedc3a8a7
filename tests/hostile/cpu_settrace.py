# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A trace function that never returns: it also runs when the shim's own code does."""

import sys


def trace(frame, event, argument):
    while True:
        pass


def calculate(inputs):
    sys.settrace(trace)
    return (lambda: 1)()
