# /// expect
# kind = "exception"
# tmp_mb = 1
# ///
"""A sparse file of four exabytes, by one byte behind a gap."""

import os


def calculate(inputs):
    file = os.open("/tmp/sparse", os.O_RDWR | os.O_CREAT)
    os.lseek(file, 2**62, os.SEEK_SET)
    return os.write(file, b"x")
