# /// expect
# kind = "completed"
# result = 0
# ///
"""Reads descriptor 0 by itself: at its end at once."""

import os


def calculate(inputs):
    return len(os.read(0, 1000))
