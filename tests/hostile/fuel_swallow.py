# /// expect
# kind = "fuel_exhausted"
# fuel = 300000000
# ///
"""Catches whatever might be raised when the fuel runs out: nothing is."""


def calculate(inputs):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
