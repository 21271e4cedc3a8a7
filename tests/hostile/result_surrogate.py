# /// expect
# kind = "invalid_outputs"
# contains = "$"
# ///
"""Half a character, as a value."""


def calculate(inputs):
    return {"text": "\ud800"}
