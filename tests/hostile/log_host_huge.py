# /// expect
# # A message of 50 MiB may be dropped, refused, or not fit beside its own copy.
# kinds = ["completed", "exception", "memory_exceeded"]
# memory_mb = 256
# ///
"""Hands the host one enormous message through its own import."""


def calculate(inputs):
    from wit_world.imports import log

    log.write(log.Level.INFO, "x" * (50 << 20))
    return 1
