# /// expect
# kind = "completed"
# result = true
# twice = true
# ///
"""Changes the working folder."""

import os


def calculate(inputs):
    seen = os.getcwd()
    os.chdir("/tmp")
    return seen != "/tmp"
