# /// expect
# kind = "exception"
# ///
"""A pool of threads."""

import concurrent.futures


def calculate(inputs):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(abs, [-1]))
