# /// expect
# kind = "completed"
# result = 1
# log_bytes = 100000
# logs_truncated = true
# ///
"""One line of sixteen megabytes that never ends: the host must not collect it."""

import sys


def calculate(inputs):
    for _ in range(256):
        sys.stdout.write("x" * 65536)
    sys.stdout.flush()
    return 1
