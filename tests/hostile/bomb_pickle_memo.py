# /// expect
# # The unpickler grows its table to the index before it stores.
# kinds = ["exception", "memory_exceeded"]
# memory_mb = 64
# ///
"""A pickle of a dozen bytes that stores at the index of two billion."""

import pickle


def calculate(inputs):
    return pickle.loads(b"\x80\x02Nr\xff\xff\xff\x7f.")
