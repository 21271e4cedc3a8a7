# /// expect
# kind = "exception"
# contains = "modified"
# ///
"""Changes a list while it is sorted."""


def calculate(inputs):
    values = list(range(1000))
    values.sort(key=lambda n: values.append(n) or -n)
    return values[0]
