# /// expect
# kind = "completed"
# result = 1
# ///
"""A module that reloads itself while it is loaded: Python stops at the second turn."""

import importlib
import sys

importlib.reload(sys.modules[__name__])


def calculate(inputs):
    return 1
