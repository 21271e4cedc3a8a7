# /// expect
# # The MemoryError in the finaliser is swallowed by the interpreter; what it kept is not given back.
# kinds = ["completed", "memory_exceeded"]
# memory_mb = 64
# ///
"""Runs out of memory where exceptions are ignored."""


class Greedy:
    kept = []

    def __del__(self):
        while True:
            self.kept.append(bytes(1_000_000))


def calculate(inputs):
    Greedy()
    return 1
