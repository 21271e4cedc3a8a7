# /// expect
# kind = "completed"
# output_bytes = 1000
# ///
"""Exactly as many bytes as allowed, quotes included."""


def calculate(inputs):
    return "x" * 998
