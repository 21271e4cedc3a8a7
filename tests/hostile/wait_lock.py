# /// expect
# # There is one thread: libc may refuse the deadlock, trap on it, or wait.
# kinds = ["exception", "timeout"]
# timeout_ms = 500
# ///
"""Takes a lock twice in one thread: must not hang the host's thread."""

import threading


def calculate(inputs):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
    while True:
        pass
