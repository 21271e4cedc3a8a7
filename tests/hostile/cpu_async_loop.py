# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""A coroutine handler that yields for ever: whoever drives it must be under the deadline too."""

import asyncio


async def calculate(inputs):
    while True:
        await asyncio.sleep(0)
