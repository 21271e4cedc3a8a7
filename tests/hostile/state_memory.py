# /// expect
# kind = "completed"
# result = false
# twice = true
# ///
"""Leaves a secret in memory and looks for it in fresh allocations: recycled pages must be clean."""

SECRET = bytes([0x5E, 0xC4, 0xE7]) * 7


def calculate(inputs):
    # Fresh pages at the end of linear memory, which the call before this one had filled.
    found = False
    kept = []
    for _ in range(40):
        block = bytearray(1 << 20)
        found = found or any(block)
        block[:] = (SECRET * ((1 << 20) // len(SECRET) + 1))[: 1 << 20]
        kept.append(block)
    return found
