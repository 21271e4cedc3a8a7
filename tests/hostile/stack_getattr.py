# /// expect
# kind = "exception"
# ///
"""An attribute whose look-up looks it up."""


class Echo:
    def __getattr__(self, name):
        return getattr(self, name + "x"[:0])


def calculate(inputs):
    return Echo().value
