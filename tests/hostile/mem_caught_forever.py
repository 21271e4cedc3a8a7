# /// expect
# kind = "timeout"
# memory_mb = 64
# timeout_ms = 1000
# ///
"""Runs out of memory, catches it, and does it again, until the deadline."""


def calculate(inputs):
    while True:
        try:
            bytearray(10**9)
        except MemoryError:
            pass
