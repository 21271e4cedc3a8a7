# /// expect
# kind = "exception"
# ///
"""A path of ten million characters."""


def calculate(inputs):
    return open("/tmp/" + "a/../" * 2_000_000 + "x", "w").name[:1]
