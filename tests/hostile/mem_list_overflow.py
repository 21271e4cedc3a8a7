# /// expect
# # 4 * 10**10 bytes: the index does not fit (OverflowError), or the product does not (MemoryError).
# kinds = ["exception", "memory_exceeded"]
# ///
"""A list of ten billion items."""


def calculate(inputs):
    return len([0] * 10**10)
