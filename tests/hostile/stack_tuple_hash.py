# /// expect
# kind = "exception"
# twice = true
# ///
"""The hash of a nested tuple: C recursion that CPython does not count, so the stack itself must hold."""


def calculate(inputs):
    nest = ()
    for _ in range(1_000_000):
        nest = (nest,)
    return hash(nest)
