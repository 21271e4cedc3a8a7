# /// expect
# kind = "memory_exceeded"
# ///
"""Nearly all of the address space at once."""


def calculate(inputs):
    return len(bytearray(2**31 - 64))
