# /// expect
# kind = "exception"
# ///
"""Exception groups within one another, ten thousand deep."""


def calculate(inputs):
    error = ValueError("inside")
    for _ in range(10_000):
        error = ExceptionGroup("outside", [error])
    raise error
