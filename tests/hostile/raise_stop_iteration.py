# /// expect
# kind = "exception"
# contains = "StopIteration"
# ///
"""Raises what ends loops and coroutines, with a value that is no answer."""


def calculate(inputs):
    raise StopIteration({"forged": True})
