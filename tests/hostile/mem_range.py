# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""A billion integers in one C call."""


def calculate(inputs):
    return sum(list(range(10**9)))
