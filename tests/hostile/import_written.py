# /// expect
# kind = "completed"
# result = 1
# twice = true
# ///
"""Writes a module into the scratch folder and imports it: allowed, and gone in the next call."""

import importlib
import os
import sys


def calculate(inputs):
    assert not os.path.exists("/tmp/written.py") and "written" not in sys.modules
    with open("/tmp/written.py", "w") as file:
        file.write("VALUE = 1\n")
    sys.path.insert(0, "/tmp")
    importlib.invalidate_caches()
    return importlib.import_module("written").VALUE
