# /// expect
# # The input alone is larger than the memory: converted outside or inside, it must not fit. It is
# # below the 32 MiB beyond which inputs are refused before any instance sees them.
# kinds = ["memory_exceeded", "exception"]
# memory_mb = 40
# repeat_inputs = { bytes = 31457280 }
# ///
"""More input than memory: the host's own copy into the guest is what fails."""


def calculate(inputs):
    return len(inputs["blob"])
