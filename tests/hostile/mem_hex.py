# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""Bytes to hexadecimal text and back, larger each time."""


def calculate(inputs):
    data = b"\xff"
    while True:
        data = bytes.fromhex(data.hex() * 2)
