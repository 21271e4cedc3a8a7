# /// expect
# kind = "exception"
# contains = "GeneratorExit"
# ///
"""Raises what no `except Exception` catches."""


def calculate(inputs):
    raise GeneratorExit
