# /// expect
# kind = "invalid_outputs"
# ///
"""Half a character, as a key."""


def calculate(inputs):
    return {"\udfff": 1}
