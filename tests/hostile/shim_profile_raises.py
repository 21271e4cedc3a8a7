# /// expect
# # Raised in the shim's own code after the handler returned.
# kinds = ["exception", "completed"]
# ///
"""A profile function that raises as soon as the handler has returned."""

import sys


def interfere(frame, event, argument):
    if event == "return" and frame.f_code is not calculate.__code__:
        raise SystemExit("from within the shim")


def calculate(inputs):
    sys.setprofile(interfere)
    return {"n": (1, 2, 3)}
