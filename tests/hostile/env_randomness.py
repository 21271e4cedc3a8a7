# /// expect
# kind = "completed"
# result = false
# twice = true
# ///
"""The image was made once: its randomness must be fresh bytes, and no small seed."""

import os
import random
import uuid


def calculate(inputs):
    fixed = [random.Random(seed).random() for seed in range(100)]
    return random.random() in fixed or os.urandom(16) == os.urandom(16) or uuid.uuid4() == uuid.uuid4()
