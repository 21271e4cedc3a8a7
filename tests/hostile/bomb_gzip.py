# /// expect
# kind = "memory_exceeded"
# memory_mb = 128
# ///
"""The same bomb as a file, by a reader that returns all of it."""

import gzip
import io
import zlib


def calculate(inputs):
    made = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = made.compress(bytes(1 << 20)) + made.flush()
    return len(gzip.GzipFile(fileobj=io.BytesIO(data * 1024)).read())
