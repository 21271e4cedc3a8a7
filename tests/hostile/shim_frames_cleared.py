# /// expect
# # Clearing a running frame is refused; changing its variables breaks the shim, not the host.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""Walks up to the shim's frames and overwrites every local variable."""

import sys


def calculate(inputs):
    frame = sys._getframe().f_back
    while frame is not None:
        for name in list(frame.f_locals):
            frame.f_locals[name] = None
        frame = frame.f_back
    return {"n": 1}
