# /// expect
# kind = "exception"
# ///
"""Sends a datagram to a name server."""

import _socket
import socket


def calculate(inputs):
    made = _socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return made.sendto(b"\0" * 20, ("127.0.0.53", 53))
