# /// expect
# kind = "completed"
# result = []
# ///
"""The host's name by every way that Python has: only words that are true of every machine."""

import os
import platform
import socket

HARMLESS = {"", "(none)", "none", "wasi", "wasm32", "localhost", "sandbox", "mecapy", "0.0.0"}


def calculate(inputs):
    ways = [platform.node, lambda: socket.gethostname(), lambda: os.uname().nodename, lambda: os.getlogin()]
    found = []
    for way in ways:
        try:
            found.append(way())
        except (OSError, AttributeError):
            pass
    return sorted(name for name in set(found) if name.lower() not in HARMLESS)
