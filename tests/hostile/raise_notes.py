# /// expect
# # Formatting asks the notes for their items; whoever formats may loop until the deadline, not beyond.
# kinds = ["exception", "timeout", "memory_exceeded"]
# timeout_ms = 1000
# memory_mb = 128
# ///
"""An exception with an endless sequence of notes."""

import collections.abc


class Notes(collections.abc.Sequence):
    def __len__(self):
        return 2**31 - 1

    def __getitem__(self, index):
        return "note"


def calculate(inputs):
    error = ValueError("noted")
    error.__notes__ = Notes()
    raise error
