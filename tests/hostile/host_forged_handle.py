# /// expect
# # The component model's own table refuses the handle: a trap, or an error of the binding.
# kind = "exception"
# twice = true
# ///
"""Reads from a file handle that was never given out."""


def calculate(inputs):
    from wit_world.imports import files

    reader = object.__new__(files.Reader)
    reader.handle = 12345
    reader.read(100)
    return 1
