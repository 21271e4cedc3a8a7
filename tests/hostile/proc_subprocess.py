# /// expect
# kind = "exception"
# ///
"""Runs a program."""

import subprocess


def calculate(inputs):
    return subprocess.run(["/bin/sh", "-c", "id"], capture_output=True).stdout.hex()
