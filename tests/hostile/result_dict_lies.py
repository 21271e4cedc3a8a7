# /// expect
# kind = "completed"
# result = { a = 1 }
# ///
"""A dict whose methods lie: what it holds is what counts."""

import itertools


class Liar(dict):
    def items(self):
        return ((str(n), n) for n in itertools.count())

    keys = values = __iter__ = items

    def __len__(self):
        return 2**31 - 1

    def __getitem__(self, key):
        raise SystemExit


def calculate(inputs):
    return Liar(a=1)
