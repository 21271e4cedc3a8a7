# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""An endless loop while the module is imported, before there is a handler to call: same deadline."""


while True:
    pass


def calculate(inputs):
    return 1
