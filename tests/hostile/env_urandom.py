# /// expect
# kind = "completed"
# result = 1048576
# ///
"""A mebibyte of randomness: more than one request to the host may ask for, so it must be cut up."""

import os


def calculate(inputs):
    return len(os.urandom(1 << 20))
