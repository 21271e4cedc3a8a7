# /// expect
# # As in shim_encode_forged; a binding that cannot lower it traps.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""The same, with an answer that is no text at all."""

import sys


def calculate(inputs):
    for name, module in list(sys.modules.items()):
        if name.startswith("mecapy_shim") and hasattr(module, "encode"):
            module.encode = lambda value: range(10)
    return {"n": 1}
