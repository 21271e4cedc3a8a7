# /// expect
# kind = "invalid_outputs"
# ///
"""An object that claims to be an integer."""


class Liar:
    __class__ = property(lambda self: int)

    def __int__(self):
        return 1

    __index__ = __int__


def calculate(inputs):
    return Liar()
