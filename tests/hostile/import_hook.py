# /// expect
# # A finder that never finds an end; the shim's own imports are already made.
# kinds = ["timeout", "completed"]
# timeout_ms = 500
# ///
"""An import hook that spins, for whatever is imported after the handler returns."""

import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        while True:
            pass


def calculate(inputs):
    sys.meta_path.insert(0, Finder())
    import something_new

    return something_new.value
