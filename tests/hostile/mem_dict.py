# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""Fills a dict, whose table is copied whole each time that it grows."""


def calculate(inputs):
    kept = {}
    n = 0
    while True:
        kept[n] = str(n)
        n += 1
