# /// expect
# kind = "exception"
# ///
"""Asks a cloud's metadata service for credentials."""

import urllib.request


def calculate(inputs):
    return urllib.request.urlopen("http://169.254.169.254/latest/meta-data/", timeout=1).read(10).hex()
