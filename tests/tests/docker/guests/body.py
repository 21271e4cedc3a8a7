"""Runs lines that come with the inputs, as the body of a function."""

import textwrap


def calculate(inputs):
    names = {"__name__": "body"}
    exec("def body(inputs):\n" + textwrap.indent(inputs["code"], "    "), names)
    return names["body"](inputs)
