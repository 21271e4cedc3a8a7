# /// expect
# kind = "exception"
# ///
"""A generator that delegates to itself."""


def deeper():
    yield from deeper()


def calculate(inputs):
    return next(deeper())
