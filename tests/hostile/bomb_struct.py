# /// expect
# # The length is checked first, or memory for the fields is asked for first.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 64
# ///
"""A structure of two billion fields, written in twelve characters."""

import struct


def calculate(inputs):
    return len(struct.unpack("2147483647b", bytes(100)))
