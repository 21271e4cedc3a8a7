"""What the shim takes for granted and a Python before 3.11 lacks, given to the shim alone."""

import ast
import os
import sys
import tempfile
import traceback
import types


def fill(check, failures, hints, randomness, testing):
    """Fills the gaps in the shim's modules, those that this interpreter has."""
    if sys.version_info < (3, 11):
        randomness.int = _Integer
    if sys.version_info < (3, 10):
        made = traceback.TracebackException
        failures._TracebackException = lambda *args, compact, **kwargs: made(*args, **kwargs)
        hints.types = _With(types, UnionType=type("UnionType", (), {}))
        check._parsed = _with_places(check._parsed)
        check.sys = _With(sys, stdlib_module_names=_standard_modules())
        testing.tempfile = _With(tempfile, TemporaryDirectory=_temporary_directory)


class _Integer(int):
    """An `int` whose `from_bytes` has a byte order of its own accord."""

    @classmethod
    def from_bytes(cls, data, byteorder="big"):
        return int.from_bytes(data, byteorder)


class _With:
    """A module with more in it."""

    def __init__(self, module, **more):
        self.__dict__.update(more)
        self._module = module

    def __getattr__(self, name):
        return getattr(self._module, name)


def _with_places(parse):
    """Names that are imported, placed where their statement is."""

    def parsed(*args):
        tree = parse(*args)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    alias.lineno, alias.col_offset = node.lineno, node.col_offset
        return tree

    return parsed


def _standard_modules():
    """The names of the standard library's modules, as far as they can be seen."""
    names = set(sys.builtin_module_names)
    for folder in (os.path.dirname(os.__file__), *(x for x in sys.path if x.endswith("lib-dynload"))):
        for entry in os.listdir(folder) if os.path.isdir(folder) else ():
            if entry not in ("site-packages", "dist-packages", "__pycache__"):
                names.add(entry.split(".")[0])
    return frozenset(names)


def _temporary_directory(ignore_cleanup_errors):
    return tempfile.TemporaryDirectory()
