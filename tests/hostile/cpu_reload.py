# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Reloads a module for ever: each turn goes through the host's file system."""

import importlib
import json


def calculate(inputs):
    while True:
        importlib.reload(json)
