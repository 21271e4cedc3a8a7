# /// expect
# kind = "exception"
# ///
"""A path with a NUL in it, which a careless host would cut there."""


def calculate(inputs):
    return open("/app/main.py\0.txt").read()[:1]
