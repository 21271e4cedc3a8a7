# /// expect
# kind = "completed"
# result = 3
# twice = true
# ///
"""Poisons the table of modules: the next import of `math` would get the wrong one."""

import sys
import types


def calculate(inputs):
    import math

    forged = types.ModuleType("math")
    forged.pi = 4.0
    sys.modules["math"] = forged
    return int(math.pi)
