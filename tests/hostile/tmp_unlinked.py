# /// expect
# kind = "exception"
# tmp_mb = 1
# ///
"""Files removed while open: their bytes still count."""

import os


def calculate(inputs):
    kept = []
    for n in range(100):
        file = open(f"/tmp/{n}", "wb", buffering=0)
        file.write(bytes(65536))
        os.unlink(f"/tmp/{n}")
        kept.append(file)
    return len(kept)
