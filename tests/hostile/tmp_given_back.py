# /// expect
# kind = "completed"
# result = 20
# tmp_mb = 1
# ///
"""Writes and removes most of the quota, again and again: what is removed is free again."""

import os


def calculate(inputs):
    for _ in range(20):
        with open("/tmp/file", "wb") as file:
            file.write(bytes(900_000))
        os.unlink("/tmp/file")
    return 20
