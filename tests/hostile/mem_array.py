# /// expect
# kind = "memory_exceeded"
# ///
"""An array of machine numbers, enlarged at once."""

import array


def calculate(inputs):
    return len(array.array("d", bytes(8)) * 10**8)
