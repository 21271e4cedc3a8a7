# /// expect
# kind = "exception"
# ///
"""Sorting whose key sorts."""


def key(n):
    return sorted([n, n + 1], key=key)


def calculate(inputs):
    return sorted([1, 2], key=key)
