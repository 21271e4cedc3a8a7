# /// expect
# kind = "exception"
# ///
"""Moves a folder into itself: a tree that contains itself would never be freed."""

import os


def calculate(inputs):
    os.mkdir("/tmp/a")
    os.mkdir("/tmp/a/b")
    os.rename("/tmp/a", "/tmp/a/b/c")
    return 1
