# /// expect
# kind = "exception"
# ///
"""Empty files without end: entries are counted, not only bytes."""


def calculate(inputs):
    for n in range(100_000):
        open(f"/tmp/{n}", "wb").close()
    return 1
