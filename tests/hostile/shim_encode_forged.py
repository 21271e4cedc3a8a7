# /// expect
# # A handler may harm its own answer; the host takes valid JSON, or calls it a failure.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""Replaces the shim's encoder by one that writes no JSON."""

import sys


def calculate(inputs):
    for name, module in list(sys.modules.items()):
        if name.startswith("mecapy_shim") and hasattr(module, "encode"):
            module.encode = lambda value: "{not json"
    return {"n": 1}
