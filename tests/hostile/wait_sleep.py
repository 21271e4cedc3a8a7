# /// expect
# kind = "timeout"
# timeout_ms = 500
# twice = true
# ///
"""Sleeps for thirty years: epochs do not interrupt a host call, so the host must wake up by itself."""

import time


def calculate(inputs):
    time.sleep(1e9)
    return 1
