# /// expect
# kind = "invalid_outputs"
# ///
"""Two keys that are one in JSON."""


def calculate(inputs):
    return {1: "number", "1": "text"}
