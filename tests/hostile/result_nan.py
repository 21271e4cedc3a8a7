# /// expect
# kind = "invalid_outputs"
# contains = "$.stress[3]"
# ///
"""A NaN far inside: named by its path."""


def calculate(inputs):
    return {"stress": [1.0, 2.0, 3.0, float("nan")]}
