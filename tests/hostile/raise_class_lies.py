# /// expect
# # The shim may believe it; the host must not break over violations that are none.
# kinds = ["exception", "invalid_inputs"]
# ///
"""An exception that claims to be the shim's own for bad inputs, with violations that are no such thing."""

import mecapy_shim.handler


class Liar(Exception):
    __class__ = property(lambda self: mecapy_shim.handler.InputError)
    violations = {"not": ["a", "list", float("1")]}


def calculate(inputs):
    raise Liar("forged")
