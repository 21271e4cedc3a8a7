# /// expect
# # The length is computed first: a product beyond the index is an OverflowError.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 64
# ///
"""Every gap between a million characters is filled with a hundred thousand."""


def calculate(inputs):
    return len(("a" * 10**6).replace("", "b" * 10**5))
