# /// expect
# kind = "completed"
# result = []
# twice = true
# ///
"""Sets environment variables, by Python and in C."""

import os
import posix


def calculate(inputs):
    seen = sorted(os.environ) + sorted(map(repr, posix.environ))
    os.environ["SECRET"] = "1"
    return seen
