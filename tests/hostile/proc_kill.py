# /// expect
# kind = "exception"
# ///
"""Kills the first process, its own group and itself."""

import os
import signal


def calculate(inputs):
    for target in (1, 0, os.getpid()):
        os.kill(target, signal.SIGKILL)
    return 1
