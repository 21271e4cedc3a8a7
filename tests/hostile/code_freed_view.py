# /// expect
# kind = "exception"
# contains = "sized"
# ///
"""Shrinks a bytearray under a view of it: refused, or the view would read freed memory."""


def calculate(inputs):
    data = bytearray(1_000_000)
    view = memoryview(data)
    del data[:]
    return len(view)
