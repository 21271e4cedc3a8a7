# /// expect
# kind = "exception"
# ///
"""Listens on a port of the host."""

import _socket


def calculate(inputs):
    made = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    made.bind(("0.0.0.0", 0))
    made.listen()
    return made.getsockname()[1]
