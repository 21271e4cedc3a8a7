# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""An endless loop in C, with no bytecode in between: `any` of zeros for ever."""


def calculate(inputs):
    return any(iter(int, 1))
