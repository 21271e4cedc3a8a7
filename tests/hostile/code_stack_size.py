# /// expect
# # On 32 bits CPython 3.14.0 doubles the size of the frame's chunk until it overflows, for ever; an
# # interpreter that checks the size refuses it, or runs out of memory.
# kinds = ["timeout", "exception", "memory_exceeded"]
# memory_mb = 64
# timeout_ms = 500
# ///
"""A function that claims to need two gigabytes of stack."""


def victim():
    return 1


def calculate(inputs):
    victim.__code__ = victim.__code__.replace(co_stacksize=500_000_000)
    return victim()
