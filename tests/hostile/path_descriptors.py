# /// expect
# kind = "completed"
# result = []
# ///
"""Climbs out of every descriptor that is open before anything was opened."""

import os


def calculate(inputs):
    found = []
    for descriptor in range(64):
        for path in ("..", "../etc/passwd", "../../../etc/passwd", "etc/passwd", "/etc/passwd"):
            try:
                opened = os.open(path, os.O_RDONLY, dir_fd=descriptor)
            except (OSError, NotImplementedError, TypeError):
                continue
            if set(os.listdir(opened)) - {"app", "deps", "dev", "python", "site", "tmp"}:
                found.append([descriptor, path])
            os.close(opened)
    return found
