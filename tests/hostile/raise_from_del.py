# /// expect
# kind = "completed"
# result = 1
# ///
"""Raises in a finaliser, where nobody can catch it: only a line in the log."""


class Broken:
    def __del__(self):
        raise SystemExit(7)


def calculate(inputs):
    Broken()
    return 1
