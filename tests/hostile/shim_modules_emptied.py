# /// expect
# # A late import of the shim fails, or there is none.
# kinds = ["completed", "exception"]
# result = { n = [1] }
# twice = true
# ///
"""Empties the table of modules, so that a late import finds nothing: an answer or a failure."""

import sys


def calculate(inputs):
    sys.modules.clear()
    sys.path.clear()
    sys.meta_path.clear()
    return {"n": (1,)}
