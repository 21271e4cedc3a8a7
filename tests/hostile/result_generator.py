# /// expect
# kind = "invalid_outputs"
# contains = "generator"
# ///
"""An endless generator: not to be run to its end."""

import itertools


def calculate(inputs):
    return (n for n in itertools.count())
