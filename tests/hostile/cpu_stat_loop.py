# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Asks the host for the same file for ever: time spent in host calls counts too."""

import os


def calculate(inputs):
    while True:
        os.path.exists("/app/nothing")
