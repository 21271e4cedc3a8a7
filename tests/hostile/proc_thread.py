# /// expect
# kind = "exception"
# ///
"""Starts a thread: a clear error."""

import threading


def calculate(inputs):
    threading.Thread(target=print).start()
    return 1
