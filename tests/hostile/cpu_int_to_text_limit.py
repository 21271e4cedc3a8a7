# /// expect
# kind = "exception"
# contains = "limit"
# ///
"""Writes a number of 5,000 digits: the interpreter's own limit must still be on in the image."""


def calculate(inputs):
    return str(10**5000)
