# /// expect
# # The format is trusted by its reader: an error or a trap.
# kinds = ["exception", "completed", "memory_exceeded", "timeout"]
# timeout_ms = 2000
# ///
"""Compiled code with bits turned over, loaded and run."""

import marshal
import random


def calculate(inputs):
    generator = random.Random(11)
    good = marshal.dumps(compile("[x * 2 for x in range(10)]", "x", "eval"))
    for _ in range(2000):
        data = bytearray(good)
        for _ in range(3):
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        try:
            eval(marshal.loads(bytes(data)))
        except Exception:
            pass
    return 1
