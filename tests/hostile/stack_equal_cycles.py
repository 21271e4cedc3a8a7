# /// expect
# kind = "exception"
# ///
"""Compares two lists that contain themselves."""


def calculate(inputs):
    a, b = [], []
    a.append(a)
    b.append(b)
    return a == b
