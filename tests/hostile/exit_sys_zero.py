# /// expect
# kind = "exception"
# contains = "SystemExit"
# ///
"""Leaves with success: a call that gave no result has none."""

import sys


def calculate(inputs):
    sys.exit(0)
