# /// expect
# # Larger than a 32-bit index: refused before any memory is asked for.
# kind = "exception"
# contains = "index-sized"
# ///
"""Ten billion bytes at once, more than the address space."""


def calculate(inputs):
    return len(bytearray(10**10))
