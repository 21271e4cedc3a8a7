# /// expect
# # Cut to a bounded message; or there is no memory to make it.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 128
# ///
"""An exception whose text has fifty million characters."""


class Verbose(Exception):
    def __str__(self):
        return "x" * 50_000_000


def calculate(inputs):
    raise Verbose
