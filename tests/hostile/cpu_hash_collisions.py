# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Keys that all hash alike: a dict of them costs quadratic time."""


class Key:
    def __hash__(self):
        return 1

    def __eq__(self, other):
        return self is other


def calculate(inputs):
    return len({Key(): None for _ in range(200_000)})
