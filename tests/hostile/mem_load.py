# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""Runs out of memory while the module is imported."""

KEPT = [bytes(1_000_000) for _ in range(1000)]


def calculate(inputs):
    return 1
