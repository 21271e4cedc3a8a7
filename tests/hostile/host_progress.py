# /// expect
# kind = "completed"
# result = 1
# ///
"""Progress that is no progress: not a number, infinite, negative, with a message of a megabyte."""


def calculate(inputs):
    from wit_world.imports import progress

    for fraction in (float("nan"), float("inf"), float("-inf"), -1.0, 2.0, 1e308, 5e-324):
        progress.report(fraction, "é" * 1_000_000)
    return 1
