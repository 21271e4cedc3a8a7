# /// expect
# # The interpreter's own objects are emptied as well: anything from a result to a trap, in this call.
# kinds = ["completed", "exception", "memory_exceeded", "timeout", "invalid_outputs"]
# timeout_ms = 2000
# twice = true
# ///
"""Empties every list and dict that the garbage collector knows."""

import gc


def calculate(inputs):
    for thing in gc.get_objects():
        if type(thing) in (list, dict) and thing is not inputs:
            thing.clear()
    return 1
