# /// expect
# # The shim may notice or not; what comes back is valid JSON or a failure.
# kinds = ["completed", "exception"]
# result = { n = [1, 2] }
# ///
"""Replaces the built-in functions that an encoder uses."""

import builtins


def calculate(inputs):
    for name in ("len", "isinstance", "issubclass", "type", "str", "dict", "list", "int", "getattr", "id", "repr"):
        setattr(builtins, name, lambda *arguments: "forged")
    return {"n": (1, 2)}
