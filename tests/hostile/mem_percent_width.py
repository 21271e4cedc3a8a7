# /// expect
# kind = "memory_exceeded"
# ///
"""A number padded to a billion characters by a format of a dozen."""


def calculate(inputs):
    return len("%1000000000d" % 1)
