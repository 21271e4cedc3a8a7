# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""Each of a million characters is replaced by a hundred thousand."""


def calculate(inputs):
    return len(("a" * 10**6).translate({97: "b" * 10**5}))
