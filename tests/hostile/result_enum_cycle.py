# /// expect
# # As above: an enum whose value was replaced by itself.
# kinds = ["invalid_outputs", "exception", "completed"]
# ///
"""An enum member whose value is the member itself."""

import enum


class Choice(enum.Enum):
    A = 1


def calculate(inputs):
    Choice.A._value_ = Choice.A
    return Choice.A
