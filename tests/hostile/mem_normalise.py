# /// expect
# kind = "memory_exceeded"
# memory_mb = 128
# ///
"""One character that normalises to eighteen, ten million times."""

import unicodedata


def calculate(inputs):
    return len(unicodedata.normalize("NFKD", "\ufdfa" * 10**7))
