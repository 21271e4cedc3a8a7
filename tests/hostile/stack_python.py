# /// expect
# kind = "exception"
# contains = "recursion"
# twice = true
# ///
"""Endless recursion in Python, within the interpreter's own limit."""


def calculate(inputs):
    return calculate(inputs)
