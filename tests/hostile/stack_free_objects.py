# /// expect
# # The interpreter defers deep deallocation; where it does not, the stack ends with a trap.
# kinds = ["completed", "exception"]
# result = 1
# ///
"""Frees a chain of half a million objects of a class with slots."""


class Link:
    __slots__ = ("next",)


def calculate(inputs):
    first = None
    for _ in range(500_000):
        link = Link()
        link.next = first
        first = link
    del link, first
    return 1
