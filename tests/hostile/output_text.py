# /// expect
# kind = "output_too_large"
# twice = true
# ///
"""A text of 17 MiB, one more than a result may have."""


def calculate(inputs):
    return "x" * (17 << 20)
