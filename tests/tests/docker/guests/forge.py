"""Says to whoever listens what only the runner says, or nobody."""

import gc
import json
import os
import sys

CALLS = 0


def calculate(inputs):
    if "forge" not in inputs:
        return {"answer": inputs["answer"], "said": "the truth"}
    data = b"".join(part(*one) for one in inputs["forge"])
    spoken = 0
    for fd in descriptors(inputs["where"]):
        try:
            os.set_blocking(fd, False)
            spoken += os.write(fd, data)
        except OSError:
            pass
    print(spoken, "bytes", flush=True)
    if inputs.get("then") == "exit":
        os._exit(0)
    return {"answer": "forged"}


def part(kind, body):
    """A frame; of a kind and a length that are none, if need be."""
    if kind == "raw":
        return bytes.fromhex(body)
    body = (json.dumps(body) if kind == "J" else body).encode()
    return (len(body) + 1).to_bytes(4, "big") + kind.encode() + body


def descriptors(where):
    if where == "channel":
        channels = [x for x in gc.get_objects() if type(x).__name__ == "Channel"]
        return [channels[0]._out]
    if where == "standard":
        return [1, 2]
    return [fd for fd in range(0, 1024) if os.path.exists(f"/proc/self/fd/{fd}")]
