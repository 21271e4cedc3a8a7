# /// expect
# kind = "invalid_outputs"
# contains = "$"
# ///
"""A literal too large for a float: infinity, which JSON has not."""


def calculate(inputs):
    return {"load": -1e400}
