# /// expect
# kind = "completed"
# result = 1
# log_bytes = 1000
# logs_truncated = true
# ///
"""Empty lines have a cost too: a hundred thousand of them are not free for the host."""

import sys


def calculate(inputs):
    sys.stdout.write("\n" * 100_000)
    return 1
