# /// expect
# kind = "exception"
# ///
"""Parses JSON nested a hundred thousand deep."""

import json


def calculate(inputs):
    return json.loads("[" * 100_000 + "]" * 100_000)
