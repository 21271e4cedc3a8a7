# /// expect
# kind = "output_too_large"
# output_bytes = 1000
# ///
"""A result over a limit of its own call."""


def calculate(inputs):
    return {"values": list(range(1000))}
