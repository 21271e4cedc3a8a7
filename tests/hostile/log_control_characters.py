# /// expect
# kind = "completed"
# result = 1
# ///
"""Terminal escapes, NULs and line breaks in a log: only text, whoever shows it."""


def calculate(inputs):
    print("\x1b]0;owned\x07\x1b[2J\x00\r\n\u2028\u202e" * 10)
    return 1
