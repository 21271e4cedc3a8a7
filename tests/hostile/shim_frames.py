# /// expect
# kind = "output_too_large"
# output_bytes = 1000
# ///
"""Walks up to the shim's frames and raises the limit in their local variables."""

import sys


def calculate(inputs):
    frame = sys._getframe().f_back
    while frame is not None:
        for name in list(frame.f_locals):
            if "limit" in name:
                frame.f_locals[name] = 2**60
        frame = frame.f_back
    return "x" * 2000
