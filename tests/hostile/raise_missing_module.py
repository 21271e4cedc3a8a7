# /// expect
# kind = "exception"
# ///
"""Claims that a module is missing whose name is no text that can be sent."""


def calculate(inputs):
    raise ModuleNotFoundError("forged", name="\ud800")
