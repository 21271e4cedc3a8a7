# /// expect
# kind = "exception"
# ///
"""Connects to a service of the host over TCP."""

import socket


def calculate(inputs):
    with socket.create_connection(("127.0.0.1", 22), timeout=1) as connection:
        return connection.recv(10).hex()
