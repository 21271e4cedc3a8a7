# /// expect
# kind = "completed"
# result = []
# ///
"""The command line: none of the host's."""

import sys


def calculate(inputs):
    return [text for text in [*sys.argv, *getattr(sys, "orig_argv", [])] if text]
