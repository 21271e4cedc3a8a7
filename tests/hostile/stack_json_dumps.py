# /// expect
# kind = "exception"
# ///
"""Writes JSON nested a hundred thousand deep."""

import json


def calculate(inputs):
    nest = {}
    for _ in range(100_000):
        nest = {"x": nest}
    return json.dumps(nest)
