# /// expect
# kind = "exception"
# ///
"""Ends the process at once with a status."""

import os


def calculate(inputs):
    os._exit(3)
