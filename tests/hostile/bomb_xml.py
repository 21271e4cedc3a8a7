# /// expect
# # The parser's own protection is a ParseError; without it, memory runs out.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 64
# ///
"""A billion laughs: entities of entities."""

import xml.etree.ElementTree as ElementTree


def calculate(inputs):
    entities = ['<!ENTITY a0 "ha">']
    entities += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    text = f"<!DOCTYPE laughs [{''.join(entities)}]><laughs>&a9;</laughs>"
    return len(ElementTree.fromstring(text).text)
