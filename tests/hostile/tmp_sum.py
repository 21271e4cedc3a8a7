# /// expect
# kind = "exception"
# tmp_mb = 1
# ///
"""Many files, each small, together larger than the quota."""


def calculate(inputs):
    for n in range(100):
        with open(f"/tmp/{n}", "wb") as file:
            file.write(bytes(65536))
    return 1
