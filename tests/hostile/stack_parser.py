# /// expect
# # The parser reports too much nesting as SyntaxError, RecursionError or MemoryError.
# kinds = ["exception", "memory_exceeded"]
# ///
"""Source text with a hundred thousand brackets within one another."""

import ast


def calculate(inputs):
    return ast.dump(ast.parse("(" * 100_000 + "1" + ")" * 100_000))[:10]
