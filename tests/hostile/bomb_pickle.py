# /// expect
# kind = "exception"
# ///
"""A pickle that runs a command as it is loaded."""

import pickle


def calculate(inputs):
    return pickle.loads(b"cos\nsystem\n(S'id'\ntR.")
