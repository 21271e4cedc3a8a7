# /// expect
# # Building does not recurse; freeing a million elements may be deferred or trap.
# kinds = ["completed", "exception"]
# result = 1
# ///
"""XML nested two hundred thousand deep."""

import xml.etree.ElementTree as ElementTree


def calculate(inputs):
    depth = 200_000
    tree = ElementTree.fromstring("<a>" * depth + "</a>" * depth)
    del tree
    return 1
