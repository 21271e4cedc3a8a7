# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""An endless loop in a finaliser: exceptions are swallowed there, a deadline must not be."""


class Never:
    def __del__(self):
        while True:
            pass


def calculate(inputs):
    thing = Never()
    del thing
    return 1
