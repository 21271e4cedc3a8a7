# /// expect
# kind = "exception"
# ///
"""Makes a hard link of the package's own file in the scratch folder, to write through it."""

import os


def calculate(inputs):
    os.link(__file__, "/tmp/link")
    return 1
