# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Catches every exception for ever: the deadline is not an exception that a guest may catch."""


def calculate(inputs):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
        finally:
            continue
