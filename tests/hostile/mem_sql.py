# /// expect
# # SQLite reports the denied growth as MemoryError; its own limit on a blob is an exception.
# kinds = ["memory_exceeded", "exception"]
# memory_mb = 64
# ///
"""A blob of almost a gigabyte, made by SQLite's allocator rather than Python's."""

import sqlite3


def calculate(inputs):
    return sqlite3.connect(":memory:").execute("SELECT hex(zeroblob(900000000))").fetchone()[0][:1]
