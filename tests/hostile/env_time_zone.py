# /// expect
# kind = "completed"
# result = [0, 0, 0.0]
# ///
"""The host's time zone: every call is in UTC."""

import datetime
import time


def calculate(inputs):
    offset = datetime.datetime.now().astimezone().utcoffset()
    return [time.timezone, time.daylight, offset.total_seconds()]
