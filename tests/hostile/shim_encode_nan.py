# /// expect
# # As in shim_encode_forged.
# kinds = ["completed", "exception", "invalid_outputs"]
# ///
"""The same, with the NaN that Python's JSON would write and no other reader takes."""

import sys


def calculate(inputs):
    for name, module in list(sys.modules.items()):
        if name.startswith("mecapy_shim") and hasattr(module, "encode"):
            module.encode = lambda value: '{"n": NaN}'
    return {"n": 1}
