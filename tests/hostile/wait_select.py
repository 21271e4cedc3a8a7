# /// expect
# # `select` of nothing with a timeout either waits or is refused; it must not outlast the call.
# kinds = ["timeout", "exception"]
# timeout_ms = 500
# ///
"""Waits for no file at all, for a million seconds."""

import select


def calculate(inputs):
    select.select([], [], [], 1e6)
    while True:
        pass
