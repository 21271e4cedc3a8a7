# /// expect
# kind = "timeout"
# timeout_ms = 500
# ///
"""Reports progress without pause: whoever shows it must not fall behind or fill up."""


def calculate(inputs):
    from wit_world.imports import progress

    fraction = 0.0
    while True:
        fraction += 1e-9
        progress.report(fraction, "x" * 1000)
