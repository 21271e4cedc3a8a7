# /// expect
# kind = "completed"
# result = []
# twice = true
# ///
"""Leaves marks in modules, classes and built-ins that every call shares."""

import builtins
import json
import math
import sys

PLACES = {"builtins": builtins, "json": json, "math": math, "sys": sys, "encoder": json.JSONEncoder}


def calculate(inputs):
    seen = [name for name, place in PLACES.items() if hasattr(place, "mark")]
    for place in PLACES.values():
        place.mark = True
    return seen
