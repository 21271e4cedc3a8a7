# /// expect
# kind = "invalid_outputs"
# contains = "nested"
# ///
"""A nest of two hundred lists: few for Python, too many for careful readers of JSON."""


def calculate(inputs):
    value = []
    for _ in range(200):
        value = [value]
    return value
