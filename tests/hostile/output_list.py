# /// expect
# kind = "output_too_large"
# ///
"""Three million integers: small in memory, large as JSON."""


def calculate(inputs):
    return list(range(1_000_000, 4_000_000))
