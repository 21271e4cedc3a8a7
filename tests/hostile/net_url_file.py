# /// expect
# kind = "exception"
# ///
"""Reads a file by the `file` scheme of the URL library."""

import urllib.request


def calculate(inputs):
    return urllib.request.urlopen("file:///etc/passwd").read(10).hex()
