# /// expect
# kind = "completed"
# result = []
# ///
"""Walks everything that can be reached: every folder lies below a mount, and none leads back up."""

import os


def calculate(inputs):
    strange = []
    for folder, folders, files in os.walk("/", followlinks=True):
        if {".", "..", ""} & {*folders, *files} or folder.count("/") > 40:
            strange.append(folder)
        if folder == "/python":
            folders[:] = ["json"]
    return strange
