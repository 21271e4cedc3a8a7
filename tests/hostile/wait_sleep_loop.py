# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Sleeps a little, for ever, and catches everything."""

import time


def calculate(inputs):
    while True:
        try:
            time.sleep(0.001)
        except BaseException:
            pass
