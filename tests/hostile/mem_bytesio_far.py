# /// expect
# # The end of the buffer is computed first: beyond the index it is an OverflowError.
# kinds = ["memory_exceeded", "exception"]
# ///
"""Writes one byte far behind the end of a file in memory."""

import io


def calculate(inputs):
    file = io.BytesIO()
    file.seek(2**31 - 2)
    return file.write(b"x")
