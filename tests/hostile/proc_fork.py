# /// expect
# kind = "exception"
# ///
"""Forks, for ever."""

import os


def calculate(inputs):
    while True:
        os.fork()
