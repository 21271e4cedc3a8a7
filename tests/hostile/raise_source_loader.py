# /// expect
# # Formatting may ask the frame's loader for its source: it may loop until the deadline, not beyond.
# kinds = ["exception", "timeout"]
# timeout_ms = 500
# ///
"""An exception from code whose source comes from a loader that never answers."""


class Loader:
    def get_source(self, name):
        while True:
            pass


def calculate(inputs):
    exec("1 / 0", {"__name__": "evil", "__loader__": Loader(), "__file__": "evil.py"})
