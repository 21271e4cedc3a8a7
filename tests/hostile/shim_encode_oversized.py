# /// expect
# # Where the encoder cannot be replaced, the honest answer is "completed".
# kinds = ["output_too_large", "completed", "exception"]
# output_bytes = 1000
# ///
"""The same, with more than the call may answer, behind the shim's own check: the host checks again."""

import sys


class Short(str):
    def __len__(self):
        return 1


def calculate(inputs):
    for name, module in list(sys.modules.items()):
        if name.startswith("mecapy_shim") and hasattr(module, "encode"):
            module.encode = lambda value: Short('"' + "x" * 2_000_000 + '"')
    return "short"
