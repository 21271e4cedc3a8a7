# /// expect
# # As above, with bytes of every kind.
# kinds = ["exception", "completed", "timeout", "memory_exceeded", "invalid_outputs"]
# timeout_ms = 1000
# ///
"""Functions made of random bytecode."""

import random


def calculate(inputs):
    generator = random.Random(7)
    for _ in range(1000):

        def victim(a=1, b="2"):
            return [a, b]

        code = victim.__code__
        try:
            victim.__code__ = code.replace(co_code=generator.randbytes(40), co_stacksize=50)
            victim()
        except Exception:
            pass
    return 1
