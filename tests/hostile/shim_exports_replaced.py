# /// expect
# # The runtime may look the export up at each call or have kept it.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""Replaces the exports themselves."""

import sys


def calculate(inputs):
    for name, module in list(sys.modules.items()):
        if name.startswith("mecapy_shim") or name in ("app", "wit_world"):
            for attribute in ("call", "load", "describe", "WitWorld"):
                if hasattr(module, attribute):
                    setattr(module, attribute, None)
    return {"n": 1}
