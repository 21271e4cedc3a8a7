# /// expect
# # A shift of 10**10 bits has more digits than the index allows, or than the memory.
# kinds = ["exception", "memory_exceeded"]
# ///
"""One shift, ten billion bits."""


def calculate(inputs):
    return (1 << 10**10).bit_length()
