# /// expect
# kind = "exception"
# timeout_ms = 4000
# ///
"""Listings of a large folder, opened and kept: handles are counted, and a listing must not be a copy."""

import os


def calculate(inputs):
    for n in range(500):
        open(f"/tmp/{n:04}{'x' * 200}", "wb").close()
    kept = []
    while len(kept) < 100_000:
        kept.append(os.scandir("/tmp"))
    return 1
