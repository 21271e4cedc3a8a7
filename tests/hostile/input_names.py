# /// expect
# kind = "invalid_inputs"
# inputs = '{"__class__": 1, "self": 2, "n": 3}'
# ///
"""Inputs named like what a call is made of: unknown names are refused, not passed on."""


def calculate(n: float = 1.0) -> float:
    return n
