# /// expect
# kind = "completed"
# result = true
# twice = true
# ///
"""Keeps a descriptor open for the next call: its number must lead nowhere there."""

import os


def calculate(inputs):
    high = 40
    try:
        os.fstat(high)
        clean = False
    except OSError:
        clean = True
    for _ in range(high):
        os.open("/dev/null", os.O_RDONLY)
    return clean
