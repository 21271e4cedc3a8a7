# /// expect
# kind = "completed"
# result = 4
# ///
"""Prints bytes that are no text: the log must take them without harm."""

import os


def calculate(inputs):
    return os.write(1, b"\xff\xfe\x00\n")
