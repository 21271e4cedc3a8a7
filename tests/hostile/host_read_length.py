# /// expect
# # There is no such file in this call: the error is the expected end.
# kind = "exception"
# ///
"""Asks for four gigabytes of a file at once."""


def calculate(inputs):
    from wit_world.imports import files

    return len(files.open("input.bin").read(2**32 - 1))
