# /// expect
# kind = "exception"
# tmp_mb = 1
# ///
"""An offset at the very end of what 64 bits can count: the sum with the length must not wrap round."""

import os


def calculate(inputs):
    file = os.open("/tmp/sparse", os.O_RDWR | os.O_CREAT)
    os.lseek(file, 2**63 - 1, os.SEEK_SET)
    return os.write(file, b"xyz")
