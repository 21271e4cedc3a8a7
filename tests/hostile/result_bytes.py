# /// expect
# kind = "invalid_outputs"
# contains = "bytes"
# ///
"""Bytes."""


def calculate(inputs):
    return {"data": b"\x00\xff"}
