# /// expect
# kind = "output_too_large"
# output_bytes = 1000
# ///
"""600 characters of two bytes each: the limit counts bytes."""


def calculate(inputs):
    return "é" * 600
