# /// expect
# # A loop without sockets sleeps until the deadline; where none can be made, that is an exception.
# kinds = ["timeout", "exception"]
# timeout_ms = 1000
# ///
"""An event loop that sleeps for ever."""

import asyncio


def calculate(inputs):
    asyncio.run(asyncio.sleep(1e9))
    return 1
