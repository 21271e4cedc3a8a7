# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Waits for a time that does not come, by asking the host's clock without pause."""

import time


def calculate(inputs):
    end = time.monotonic() + 1e9
    while time.monotonic() < end:
        pass
    return 1
