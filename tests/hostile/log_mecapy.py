# /// expect
# kind = "completed"
# result = 1
# log_bytes = 1000
# logs_truncated = true
# ///
"""The same flood through the platform's own function."""

import mecapy


def calculate(inputs):
    for n in range(1_000):
        mecapy.log(f"line {n}")
    return 1
