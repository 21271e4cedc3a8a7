# /// expect
# kind = "exception"
# ///
"""Writes a native module into the scratch folder and imports it."""

import importlib.machinery
import importlib.util


def calculate(inputs):
    path = "/tmp/native.so"
    with open(path, "wb") as file:
        file.write(b"\0asm\x01\0\0\0")
    loader = importlib.machinery.ExtensionFileLoader("native", path)
    spec = importlib.util.spec_from_file_location("native", path, loader=loader)
    return str(importlib.util.module_from_spec(spec))
