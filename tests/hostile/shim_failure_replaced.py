# /// expect
# kind = "exception"
# ///
"""Breaks the record that reports failures, then fails."""


def calculate(inputs):
    from wit_world.imports import types

    def broken(self, *arguments):
        self.kind = 99

    types.Failure.__init__ = broken
    raise ValueError("never to be told")
