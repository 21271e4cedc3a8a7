# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""Doubles a text until it does not fit."""

def calculate(inputs):
    text = "x"
    while True:
        text += text
