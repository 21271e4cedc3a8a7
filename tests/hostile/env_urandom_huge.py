# /// expect
# kind = "memory_exceeded"
# ///
"""A billion random bytes at once."""

import os


def calculate(inputs):
    return len(os.urandom(10**9))
