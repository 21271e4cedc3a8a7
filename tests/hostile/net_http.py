# /// expect
# kind = "exception"
# ///
"""Speaks HTTP to a service of the host."""

import http.client


def calculate(inputs):
    connection = http.client.HTTPConnection("localhost", 8080, timeout=1)
    connection.request("GET", "/")
    return connection.getresponse().status
