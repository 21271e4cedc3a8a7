# /// expect
# kind = "exception"
# ///
"""Makes a link in the scratch folder to a file of the host."""

import os


def calculate(inputs):
    os.symlink("/etc/passwd", "/tmp/link")
    return open("/tmp/link").read()
