# /// expect
# kind = "timeout"
# timeout_ms = 500
# log_bytes = 1000
# logs_truncated = true
# ///
"""Nothing but host calls until the deadline."""


def calculate(inputs):
    from wit_world.imports import log

    while True:
        log.write(log.Level.INFO, "x" * 10_000)
