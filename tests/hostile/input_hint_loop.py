# /// expect
# # Nothing but the deadline ends it, whether at the description, the load or the call.
# kinds = ["timeout", "completed"]
# inputs = '{"n": 1}'
# timeout_ms = 500
# ///
"""A type hint, given as text, whose evaluation never ends."""


def calculate(n: "any(iter(int, 1))"):
    return 1
