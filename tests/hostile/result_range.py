# /// expect
# # A lazy range is written as a list; this one is larger than the memory, or than the index.
# kinds = ["memory_exceeded", "output_too_large", "exception"]
# memory_mb = 64
# ///
"""A range of a billion numbers, three integers in memory."""


def calculate(inputs):
    return {"values": range(10**9)}
