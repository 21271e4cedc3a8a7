# /// expect
# kind = "completed"
# result = 1
# log_bytes = 1000
# logs_truncated = true
# ///
"""The same flood through `logging`."""

import logging


def calculate(inputs):
    for n in range(1_000):
        logging.getLogger("flood").error("line %d", n)
    return 1
