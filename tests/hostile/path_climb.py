# /// expect
# kind = "exception"
# ///
"""Reads a file far above the package's folder."""


def calculate(inputs):
    return open("../../../../etc/passwd").read()
