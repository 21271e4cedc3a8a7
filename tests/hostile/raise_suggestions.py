# /// expect
# # Formatting looks for a similar name among the object's: it may loop until the deadline, not beyond.
# kinds = ["exception", "timeout"]
# timeout_ms = 500
# ///
"""An AttributeError of an object that never finishes listing its attributes."""


class Endless:
    def __dir__(self):
        while True:
            pass


def calculate(inputs):
    raise AttributeError("no such attribute", name="values", obj=Endless())
