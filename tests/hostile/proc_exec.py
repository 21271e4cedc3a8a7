# /// expect
# kind = "exception"
# ///
"""Replaces the process by another program."""

import os


def calculate(inputs):
    os.execv("/bin/sh", ["sh", "-c", "id"])
