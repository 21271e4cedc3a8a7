# /// expect
# kind = "exception"
# ///
"""Looks up a name: even a refused connection would tell something to the owner of the zone."""

import _socket


def calculate(inputs):
    return _socket.getaddrinfo("localhost", 80)[0][4][0]
