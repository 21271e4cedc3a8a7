# /// expect
# kind = "exception"
# ///
"""Unmarshals a nest that is deeper than the format allows: C recursion over chosen bytes."""

import marshal


def calculate(inputs):
    return len(marshal.loads(b"\xdb\x01\x00\x00\x00" * 1_000_000))
