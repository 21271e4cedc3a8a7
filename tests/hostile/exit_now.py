# /// expect
# kind = "exception"
# twice = true
# ///
"""Ends the process at once, with success and without any cleaning up."""

import os


def calculate(inputs):
    os._exit(0)
