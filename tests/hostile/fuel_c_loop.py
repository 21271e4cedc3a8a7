# /// expect
# kind = "fuel_exhausted"
# fuel = 300000000
# ///
"""An endless loop in C: fuel is counted there too."""


def calculate(inputs):
    return any(iter(int, 1))
