# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A modular power with a modulus of a million bits: memory stays small, time does not."""


def calculate(inputs):
    modulus = (1 << 1_000_000) - 1
    return pow(3, modulus - 1, modulus) == 1
