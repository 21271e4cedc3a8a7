# /// expect
# kind = "completed"
# result = []
# twice = true
# ///
"""Leaves files, folders and open handles in the scratch folder: the next call finds it empty."""

import os


def calculate(inputs):
    seen = os.listdir("/tmp")
    os.mkdir("/tmp/folder")
    file = open("/tmp/folder/file", "w")
    file.write("secret")
    file.flush()
    return seen
