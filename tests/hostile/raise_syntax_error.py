# /// expect
# kind = "exception"
# ///
"""A SyntaxError whose position lies far outside of its text."""


def calculate(inputs):
    raise SyntaxError("wrong", ("/etc/passwd", 2**31, -(2**31), "x" * 100_000, -5, 2**30))
