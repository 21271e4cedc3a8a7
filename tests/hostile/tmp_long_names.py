# /// expect
# kind = "exception"
# tmp_mb = 1
# ///
"""Empty files with names of 4,000 bytes: names must be short, or count against the quota."""


def calculate(inputs):
    for n in range(1000):
        open(f"/tmp/{n:04}{'x' * 3996}", "wb").close()
    return 1
