# /// expect
# kind = "completed"
# result = 1
# ///
"""Leaves work for the interpreter's end, which never comes: it must not hold the call up."""

import atexit


def spin():
    while True:
        pass


def calculate(inputs):
    atexit.register(spin)
    return 1
