# /// expect
# kind = "exception"
# ///
"""A pattern of five thousand groups within one another."""

import re


def calculate(inputs):
    return bool(re.match("(" * 5_000 + "a" + ")" * 5_000, "a"))
