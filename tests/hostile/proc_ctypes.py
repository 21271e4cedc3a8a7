# /// expect
# kind = "exception"
# ///
"""Opens the C library, to call anything in it."""

import ctypes


def calculate(inputs):
    return ctypes.CDLL(None).getpid()
