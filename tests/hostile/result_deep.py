# /// expect
# # Refused as too deep; freeing it afterwards may end the stack.
# kinds = ["invalid_outputs", "exception"]
# ///
"""A nest of a million lists: no recursion of the encoder's, nor of whoever reads its text."""


def calculate(inputs):
    value = []
    for _ in range(1_000_000):
        value = [value]
    return value
