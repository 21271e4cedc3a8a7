# /// expect
# kind = "exception"
# contains = "there_is_no_such_module"
# ///
"""Imports what does not exist."""

import there_is_no_such_module


def calculate(inputs):
    return there_is_no_such_module.value
