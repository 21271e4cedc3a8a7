# /// expect
# kind = "completed"
# result = [1, 2.5, "text"]
# ///
"""Numbers and texts whose conversions lie."""


class Integer(int):
    def __repr__(self):
        return '{"forged": true}'

    __str__ = __int__ = __index__ = __repr__


class Float(float):
    def __repr__(self):
        return "NaN"

    __str__ = __repr__

    def __float__(self):
        return float("nan")


class Text(str):
    def __str__(self):
        return '"}'

    __repr__ = __format__ = encode = __str__


def calculate(inputs):
    return [Integer(1), Float(2.5), Text("text")]
