# /// expect
# # Reported by another name, or the trap of a report that could not be made.
# kind = "exception"
# ///
"""An exception whose class has no name that can be read."""


class Nameless(type):
    @property
    def __name__(cls):
        raise OSError("no name")

    __qualname__ = __module__ = __name__


class Error(BaseException, metaclass=Nameless):
    pass


def calculate(inputs):
    raise Error
