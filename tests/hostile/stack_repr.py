# /// expect
# kind = "exception"
# ///
"""The text of a list nested a hundred thousand deep: recursion in C."""


def calculate(inputs):
    nest = []
    for _ in range(100_000):
        nest = [nest]
    return repr(nest)[:10]
