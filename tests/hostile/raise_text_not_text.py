# /// expect
# kind = "exception"
# ///
"""An exception whose text is a number, and then a subclass of `str` that lies about itself."""


class Liar(str):
    def __str__(self):
        return self

    def __len__(self):
        return -1

    def encode(self, *args):
        return 5

    def __getitem__(self, key):
        return 7


class Odd(Exception):
    def __str__(self):
        return Liar("odd")


def calculate(inputs):
    raise Odd
