# /// expect
# kind = "exception"
# ///
"""Runs a command by way of the import that no syntax check should be needed to stop."""


def calculate(inputs):
    return __import__("os").system("id")
