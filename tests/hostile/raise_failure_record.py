# /// expect
# kind = "exception"
# ///
"""Raises the very record by which the shim reports failures, filled with what does not fit."""


def calculate(inputs):
    from componentize_py_types import Err

    raise Err("no record at all")
