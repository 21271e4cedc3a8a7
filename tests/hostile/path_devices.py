# /// expect
# kind = "completed"
# result = ["null"]
# ///
"""Lists the devices: there is one, and it is empty."""

import os


def calculate(inputs):
    assert open("/dev/null", "rb").read() == b""
    return os.listdir("/dev")
