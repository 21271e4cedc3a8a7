# /// expect
# kind = "completed"
# result = true
# ///
"""The monotonic clock tells how long the call runs, not how long the host has been up."""

import time


def calculate(inputs):
    return time.monotonic() < 60 and time.perf_counter() < 60
