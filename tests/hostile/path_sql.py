# /// expect
# kind = "exception"
# ///
"""SQLite opens files by itself: one of the package's folder for writing."""

import sqlite3


def calculate(inputs):
    database = sqlite3.connect("/app/new.db")
    database.execute("CREATE TABLE t (x)")
    database.commit()
    return 1
