# /// expect
# kind = "completed"
# result = []
# ///
"""Lists the root: nothing but the mounts of the contract, and a few that the interpreter needs."""

import os


def calculate(inputs):
    return sorted(set(os.listdir("/")) - {"app", "deps", "dev", "python", "site", "tmp"})
