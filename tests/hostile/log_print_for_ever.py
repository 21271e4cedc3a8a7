# /// expect
# kind = "timeout"
# timeout_ms = 500
# log_bytes = 1000
# logs_truncated = true
# ///
"""Prints until the deadline."""


def calculate(inputs):
    while True:
        print("again")
