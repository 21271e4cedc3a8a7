# /// expect
# # The root of the scratch folder is nobody's entry: it may be refused, and nothing else.
# kind = "exception"
# ///
"""Removes the scratch folder itself."""

import os


def calculate(inputs):
    os.rmdir("/tmp")
    return 1
