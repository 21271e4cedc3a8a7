# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Catastrophic backtracking: the regex engine is C that checks nothing but signals, which WASI lacks."""

import re


def calculate(inputs):
    return bool(re.match(r"(a+)+$", "a" * 60 + "b"))
