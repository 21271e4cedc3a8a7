# /// expect
# kind = "exception"
# ///
"""An exception whose class is named by a number."""


class Numbered(type):
    __name__ = property(lambda cls: 42)


class Error(BaseException, metaclass=Numbered):
    pass


def calculate(inputs):
    raise Error
