# /// expect
# # As in shim_frames_cleared.
# kinds = ["completed", "exception", "invalid_outputs"]
# twice = true
# ///
"""Walks up to the shim's frames and empties their global names."""

import sys


def calculate(inputs):
    frame = sys._getframe().f_back
    while frame is not None:
        frame.f_globals.clear()
        frame = frame.f_back
    return {"n": 1}
