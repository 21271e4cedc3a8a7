# /// expect
# kind = "memory_exceeded"
# memory_mb = 64
# ///
"""The compiler rather than the code takes the memory: half a billion nodes cannot be parsed."""

def calculate(inputs):
    source = "[" + "1," * 5_000_000 + "]"
    return len(compile(source, "bomb", "eval").co_code)
