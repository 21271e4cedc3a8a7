# /// expect
# kind = "exception"
# contains = "changed"
# ///
"""Changes a dict while it is walked."""


def calculate(inputs):
    values = dict.fromkeys(range(1000))
    for key in values:
        values[key + 10_000] = None
    return len(values)
