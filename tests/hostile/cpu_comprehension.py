# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""An endless loop within a generator expression, which allocates nothing that could end it."""


def calculate(inputs):
    return [x for x in (0 for _ in iter(int, 1) if False)]
