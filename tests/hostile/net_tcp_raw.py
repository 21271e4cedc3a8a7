# /// expect
# kind = "exception"
# ///
"""Makes a socket below Python's own class, which the image may have replaced."""

import _socket


def calculate(inputs):
    made = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    made.connect(("127.0.0.1", 80))
    return 1
