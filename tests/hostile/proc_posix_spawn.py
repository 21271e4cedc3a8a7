# /// expect
# kind = "exception"
# ///
"""Starts a program by the function that `posix` itself would offer."""

import posix


def calculate(inputs):
    return posix.posix_spawn("/bin/sh", ["sh", "-c", "id"], {})
