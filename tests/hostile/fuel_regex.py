# /// expect
# kind = "fuel_exhausted"
# fuel = 300000000
# ///
"""Catastrophic backtracking against an instruction budget."""

import re


def calculate(inputs):
    return bool(re.match(r"(a|aa)+$", "a" * 60 + "b"))
