# /// expect
# # Standard input is at its end, hence always ready; where `poll` is refused, that is an exception.
# kinds = ["completed", "exception", "timeout"]
# timeout_ms = 500
# ///
"""Polls standard input without a timeout: may answer or be refused, must not outlast the call."""

import select


def calculate(inputs):
    poll = select.poll()
    poll.register(0, select.POLLIN)
    return len(poll.poll(None))
