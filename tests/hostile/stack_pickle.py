# /// expect
# kind = "exception"
# ///
"""Pickles a list nested a hundred thousand deep."""

import pickle


def calculate(inputs):
    nest = []
    for _ in range(100_000):
        nest = [nest]
    return len(pickle.dumps(nest))
