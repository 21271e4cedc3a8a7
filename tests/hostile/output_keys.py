# /// expect
# kind = "output_too_large"
# output_bytes = 1000
# ///
"""All of the size is in the keys."""


def calculate(inputs):
    return {"k" * 500 + str(n): None for n in range(3)}
