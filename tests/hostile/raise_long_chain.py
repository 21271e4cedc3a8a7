# /// expect
# # Freeing a long chain may end the stack: a trap is an exception too.
# kind = "exception"
# ///
"""An exception with fifty thousand causes."""


def calculate(inputs):
    error = ValueError("first")
    for n in range(50_000):
        following = ValueError(n)
        following.__cause__ = error
        error = following
    raise error
