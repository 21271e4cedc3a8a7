# /// expect
# kind = "exception"
# tmp_mb = 1
# ///
"""A sparse file of a terabyte, by truncation."""


def calculate(inputs):
    with open("/tmp/sparse", "wb") as file:
        file.truncate(2**40)
    return 1
