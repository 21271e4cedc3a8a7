# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# twice = true
# ///
"""Appends for ever: the host denies growth, and the next call has all its memory again."""


def calculate(inputs):
    kept = []
    while True:
        kept.append(bytes(10_000))
