# /// expect
# # The parser of today refuses the entity; to leave it out is right as well.
# kinds = ["exception", "completed"]
# result = false
# ///
"""An external entity that names a file: not fetched, or refused."""

import xml.etree.ElementTree as ElementTree


def calculate(inputs):
    text = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    return bool(ElementTree.fromstring(text).text)
