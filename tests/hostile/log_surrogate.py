# /// expect
# # Standard output may escape it or refuse it; neither may harm the host.
# kinds = ["completed", "exception"]
# result = 1
# ///
"""Prints half a character."""


def calculate(inputs):
    print("\ud800")
    return 1
