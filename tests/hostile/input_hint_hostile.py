# /// expect
# # Evaluating the hint is the author's own code; its failure is the author's.
# kinds = ["exception", "completed", "invalid_inputs"]
# inputs = '{"n": 1}'
# timeout_ms = 2000
# ///
"""A type hint that raises whenever it is looked at."""


class Hostile:
    def __getattr__(self, name):
        raise ValueError(name)

    def __hash__(self):
        raise ValueError("no hash")

    def __eq__(self, other):
        raise ValueError("no equality")


def calculate(n: Hostile()):
    return 1
