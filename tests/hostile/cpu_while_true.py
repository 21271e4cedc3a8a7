# /// expect
# kind = "timeout"
# timeout_ms = 500
# twice = true
# ///
"""An endless loop in bytecode: the deadline must end it, and the next call must not notice."""


def calculate(inputs):
    while True:
        pass
