# /// expect
# # The input alone is twice the memory: converted outside or inside, it must not fit.
# kinds = ["memory_exceeded", "exception"]
# memory_mb = 64
# repeat_inputs = { bytes = 100663296 }
# ///
"""More input than memory: the host's own copy into the guest is what fails."""


def calculate(inputs):
    return len(inputs["blob"])
