# /// expect
# kind = "output_too_large"
# output_bytes = 1000
# ///
"""Control characters grow sixfold as JSON: what counts is what is sent."""


def calculate(inputs):
    return "\x00" * 500
