# /// expect
# kind = "invalid_outputs"
# ///
"""An object with every method that might tempt an encoder, all of them lying."""


class Tempting:
    def __float__(self):
        return 1.0

    def __iter__(self):
        return iter(int, 1)

    def __str__(self):
        return "}{"

    def keys(self):
        return ["a"]


def calculate(inputs):
    return {"value": Tempting()}
