# /// expect
# kind = "exception"
# ///
"""An exception whose text raises another."""


class Mute(BaseException):
    def __str__(self):
        raise Mute

    __repr__ = __str__


def calculate(inputs):
    raise Mute
