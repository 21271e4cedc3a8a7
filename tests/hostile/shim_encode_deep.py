# /// expect
# # The host's reader of JSON has a depth of its own, and says so rather than overflow its stack.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""The same, with JSON nested a million deep: the host's own parser is the target."""

import sys


def calculate(inputs):
    for name, module in list(sys.modules.items()):
        if name.startswith("mecapy_shim") and hasattr(module, "encode"):
            module.encode = lambda value: "[" * 1_000_000 + "]" * 1_000_000
    return {"n": 1}
