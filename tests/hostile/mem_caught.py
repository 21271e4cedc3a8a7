# /// expect
# kind = "completed"
# result = "survived"
# memory_mb = 64
# twice = true
# ///
"""Runs out of memory, catches it, lets go and answers: a denied growth is not yet a failed call."""


def calculate(inputs):
    try:
        kept = []
        while True:
            kept.append(bytes(100_000))
    except MemoryError:
        del kept
    return "survived"
