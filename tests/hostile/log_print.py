# /// expect
# kind = "completed"
# result = 10000
# log_bytes = 1000
# logs_truncated = true
# ///
"""Prints ten thousand lines: the call goes on, the rest is dropped."""


def calculate(inputs):
    for n in range(10_000):
        print("line", n)
    return 10_000
