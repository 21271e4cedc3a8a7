# /// expect
# kind = "completed"
# result = true
# ///
"""The monotonic clock tells how long the call runs, and an hour; not how long the host has been up."""

import time


def calculate(inputs):
    return all(3600 <= now < 3660 for now in (time.monotonic(), time.perf_counter()))
