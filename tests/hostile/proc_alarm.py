# /// expect
# # There are no timers: no such function, or one that does nothing, and then the loop runs on.
# kinds = ["exception", "timeout"]
# timeout_ms = 500
# ///
"""Sets an alarm that would interrupt the host's thread."""

import signal


def calculate(inputs):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.alarm(1)
    while True:
        pass
