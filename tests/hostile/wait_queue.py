# /// expect
# # As in wait_lock: nothing can ever be put into this queue.
# kinds = ["exception", "timeout"]
# timeout_ms = 500
# ///
"""Waits for an item that no other thread will put."""

import queue


def calculate(inputs):
    queue.SimpleQueue().get()
    while True:
        pass
