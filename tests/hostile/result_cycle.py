# /// expect
# kind = "invalid_outputs"
# contains = "$"
# ///
"""A list that contains itself."""


def calculate(inputs):
    value = []
    value.append({"self": value})
    return value
