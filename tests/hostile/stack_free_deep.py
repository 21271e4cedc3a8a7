# /// expect
# # CPython defers deep deallocation by the C stack in linear memory, and wasm's own stack may end first.
# kinds = ["completed", "exception"]
# result = 1
# ///
"""Frees a nest of a million lists and tuples: a trap at the worst, never the end of the host's own stack."""


def calculate(inputs):
    nest = None
    for n in range(1_000_000):
        nest = [nest] if n % 2 else (nest,)
    del nest
    return 1
