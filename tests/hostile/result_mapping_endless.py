# /// expect
# # Its keys are collected until memory or time runs out.
# kinds = ["memory_exceeded", "timeout"]
# timeout_ms = 1000
# memory_mb = 64
# ///
"""A mapping that never runs out of keys."""

import collections.abc
import itertools


class Endless(collections.abc.Mapping):
    def __getitem__(self, key):
        return key

    def __len__(self):
        return 1

    def __iter__(self):
        return map(str, itertools.count())


def calculate(inputs):
    return Endless()
