# /// expect
# kind = "exception"
# ///
"""A fatal error of the interpreter."""

import faulthandler


def calculate(inputs):
    faulthandler._sigabrt()
    raise RuntimeError("still alive, which is well too")
