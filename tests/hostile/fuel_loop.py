# /// expect
# kind = "fuel_exhausted"
# fuel = 300000000
# twice = true
# ///
"""An endless loop with an instruction budget: it ends at the budget, not at the deadline."""


def calculate(inputs):
    while True:
        pass
