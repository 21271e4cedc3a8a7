# /// expect
# # When `s += s` cannot grow in place, CPython 3.14.0 goes on with the freed text: a MemoryError, a
# # strange TypeError or a trap, all within the guest.
# kinds = ["memory_exceeded", "exception"]
# memory_mb = 64
# ///
"""Doubles a text until it does not fit."""


def calculate(inputs):
    text = "x"
    while True:
        text += text
