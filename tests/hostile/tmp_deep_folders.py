# /// expect
# kind = "exception"
# ///
"""Folders within folders, named by longer and longer paths."""

import os


def calculate(inputs):
    path = "/tmp"
    for _ in range(100_000):
        path += "/d"
        os.mkdir(path)
    return 1
