# /// expect
# kind = "exception"
# contains = "KeyboardInterrupt"
# ///
"""Raises what a person at a keyboard would."""


def calculate(inputs):
    raise KeyboardInterrupt
