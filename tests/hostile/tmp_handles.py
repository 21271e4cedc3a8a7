# /// expect
# kind = "exception"
# twice = true
# ///
"""Opens a file for ever and closes none: handles are counted, and given back with the call."""


def calculate(inputs):
    kept = []
    while True:
        kept.append(open("/dev/null", "rb", buffering=0))
