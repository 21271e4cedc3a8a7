# /// expect
# kind = "exception"
# contains = "EOF"
# ///
"""Reads a line of standard input: there is none, and nobody is to wait for one."""


def calculate(inputs):
    return input("password? ")
