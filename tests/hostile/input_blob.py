# /// expect
# kind = "completed"
# result = 16777216
# repeat_inputs = { bytes = 16777216 }
# ///
"""Sixteen megabytes of input: allowed, and handed over without harm."""


def calculate(inputs):
    return len(inputs["blob"])
