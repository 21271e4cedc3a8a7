# /// expect
# kind = "exception"
# ///
"""An exception whose text is no UTF-8."""


def calculate(inputs):
    raise ValueError("half a character: \ud800")
