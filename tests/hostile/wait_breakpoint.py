# /// expect
# kind = "exception"
# ///
"""Enters the debugger, which waits for a person: its input is at its end."""


def calculate(inputs):
    breakpoint()
    value = 1
    return value
