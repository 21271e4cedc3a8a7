# /// expect
# kind = "completed"
# result = 1
# log_bytes = 1000
# logs_truncated = true
# ///
"""The same flood on standard error, which has the same quota."""

import sys


def calculate(inputs):
    for n in range(10_000):
        print("error", n, file=sys.stderr)
    return 1
