# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""An endless recursive query: SQLite's virtual machine is a loop of its own, in C."""

import sqlite3


def calculate(inputs):
    query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
    return sqlite3.connect(":memory:").execute(query).fetchone()[0]
