# /// expect
# # Entries are counted, whether or not the path to the bottom can still be named.
# kinds = ["exception", "timeout"]
# timeout_ms = 1500
# ///
"""Folders within folders, grown at the top: paths stay short, the tree does not."""

import os


def calculate(inputs):
    os.chdir("/tmp")
    os.mkdir("tree")
    while True:
        os.mkdir("new")
        os.rename("tree", "new/tree")
        os.rename("new", "tree")
