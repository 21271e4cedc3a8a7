# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A number of a hundred million digits in one C call that yields to nothing."""


def calculate(inputs):
    return (10 ** 10**8) % 7
