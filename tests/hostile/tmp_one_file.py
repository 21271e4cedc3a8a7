# /// expect
# kind = "exception"
# tmp_mb = 1
# twice = true
# ///
"""One file larger than the quota of `/tmp`."""


def calculate(inputs):
    with open("/tmp/big", "wb") as file:
        for _ in range(64):
            file.write(bytes(65536))
    return 1
