# /// expect
# kind = "exception"
# contains = "SystemExit"
# twice = true
# ///
"""Leaves by `sys.exit`: the host stays."""

import sys


def calculate(inputs):
    sys.exit(3)
