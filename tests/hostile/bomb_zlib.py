# /// expect
# kind = "memory_exceeded"
# memory_mb = 128
# ///
"""A few kilobytes that decompress to a gigabyte."""

import zlib

# A raw deflate stream of zeros: its one block repeats byte for byte, so more of it is more zeros.


def bomb(mebibytes):
    once = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = once.compress(bytes(1 << 20)) + once.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + b"\x03\x00"


def calculate(inputs):
    return len(zlib.decompress(bomb(1024), -15))
