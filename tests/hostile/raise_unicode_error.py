# /// expect
# kind = "exception"
# ///
"""A UnicodeDecodeError whose position was moved out of its bytes."""


def calculate(inputs):
    error = UnicodeDecodeError("utf-8", b"abc", 0, 1, "reason")
    error.start, error.end, error.reason = -(2**31), 2**31 - 1, "\ud800"
    error.object = b""
    raise error
