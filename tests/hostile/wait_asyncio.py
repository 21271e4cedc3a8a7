# /// expect
# # Without sockets the event loop cannot be made; if it could, it would sleep until the deadline.
# kinds = ["exception", "timeout"]
# timeout_ms = 1500
# ///
"""An event loop that sleeps for ever."""

import asyncio


def calculate(inputs):
    asyncio.run(asyncio.sleep(1e9))
    return 1
