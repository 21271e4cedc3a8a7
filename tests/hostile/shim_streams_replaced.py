# /// expect
# kind = "completed"
# result = 1
# ///
"""Replaces the standard streams by nothing, then by what raises."""

import sys


class Broken:
    def write(self, text):
        raise SystemExit(text)

    flush = close = write


def calculate(inputs):
    sys.stdout = None
    print("nowhere")
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Broken()
    return 1
