# /// expect
# kind = "exception"
# ///
"""Starts a process."""

import multiprocessing


def calculate(inputs):
    worker = multiprocessing.Process(target=print)
    worker.start()
    worker.join()
    return worker.exitcode
