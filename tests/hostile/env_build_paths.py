# /// expect
# kind = "completed"
# result = []
# ///
"""Paths of the machine that built the image, in modules' and functions' file names."""

import sys
import types

FOREIGN = {"home", "root", "Users", "usr", "var", "opt", "mnt", "target", "build", "runner", "registry"}


def calculate(inputs):
    found = set()
    for module in list(sys.modules.values()):
        names = [getattr(module, "__file__", None), getattr(module, "__cached__", None)]
        names += [x.__code__.co_filename for x in vars(module).values() if type(x) is types.FunctionType]
        found.update(name for name in names if type(name) is str)
    found.update([sys.prefix, sys.exec_prefix, sys.executable or "", *sys.path])
    return sorted(name for name in found if name.startswith("/") and name.split("/")[1] in FOREIGN)
