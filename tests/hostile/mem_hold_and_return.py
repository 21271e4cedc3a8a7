# /// expect
# # The result may fit in what is left, or not.
# kinds = ["completed", "exception", "memory_exceeded"]
# memory_mb = 64
# ///
"""Keeps every last byte, then returns: the result has to be encoded with no memory left."""

KEPT = []


def fill():
    size = 1 << 20
    while size:
        try:
            KEPT.append(bytes(size))
        except MemoryError:
            size //= 2


def calculate(inputs):
    result = list(range(1000))
    fill()
    return result
