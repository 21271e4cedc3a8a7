# /// expect
# # Precision beyond the C formatter's limit is a ValueError; within it, memory runs out.
# kinds = ["exception", "memory_exceeded"]
# ///
"""A float with a billion digits after the point."""


def calculate(inputs):
    return len(f"{0.1:.1000000000f}")
