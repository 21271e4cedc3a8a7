# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A profile function that spins once the handler has returned, within the shim's frames."""

import sys


def spin(frame, event, argument):
    if frame.f_code is not calculate.__code__:
        while True:
            pass


def calculate(inputs):
    sys.setprofile(spin)
    return {"n": len([1])}
