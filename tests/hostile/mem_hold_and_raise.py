# /// expect
# # Whether the shim still finds memory to say ValueError is not promised; that the call ends is.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 64
# ///
"""Keeps every last byte, then raises: the failure has to be reported with no memory left."""

KEPT = []


def fill():
    size = 1 << 20
    while size:
        try:
            KEPT.append(bytes(size))
        except MemoryError:
            size //= 2


def calculate(inputs):
    fill()
    raise ValueError("no memory is left")
