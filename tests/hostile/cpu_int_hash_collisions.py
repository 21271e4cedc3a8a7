# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Integers whose hashes collide, all multiples of the hash modulus: quadratic time with no bytecode."""

import sys


def calculate(inputs):
    modulus = sys.hash_info.modulus
    return len(dict.fromkeys(n * modulus for n in range(1, 200_000)))
