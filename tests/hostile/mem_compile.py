# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""The compiler takes the memory: five million nodes of a syntax tree."""


def calculate(inputs):
    source = "[" + "1," * 5_000_000 + "]"
    return len(compile(source, "bomb", "eval").co_code)
