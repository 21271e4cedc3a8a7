# /// expect
# # libc's emulation ends the guest for a signal that nobody handles.
# kind = "exception"
# twice = true
# ///
"""Raises a deadly signal within itself."""

import signal


def calculate(inputs):
    signal.raise_signal(signal.SIGABRT)
    raise RuntimeError("still alive, which is well too")
