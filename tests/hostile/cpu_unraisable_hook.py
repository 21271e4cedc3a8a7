# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A hook for exceptions in finalisers that never returns."""

import sys


class Broken:
    def __del__(self):
        raise ValueError("in a finaliser")


def spin(unraisable):
    while True:
        pass


def calculate(inputs):
    sys.unraisablehook = spin
    Broken()
    return 1
