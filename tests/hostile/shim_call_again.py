# /// expect
# # Each level calls the handler again, through the shim.
# kinds = ["exception", "memory_exceeded"]
# ///
"""Calls the shim's own entry from within the handler, for ever."""


def calculate(inputs):
    from mecapy_shim import exports

    return exports.call("{}", 1000)
