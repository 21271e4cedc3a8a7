# /// expect
# # As in stack_parser: unary operators are not limited by the tokenizer's count of brackets.
# kinds = ["exception", "memory_exceeded"]
# ///
"""Source text with a hundred thousand signs before a name."""


def calculate(inputs):
    return compile("-" * 100_000 + "x", "deep", "eval").co_code[:1]
