# /// expect
# kind = "exception"
# ///
"""A message that is no UTF-8, by the raw import."""


def calculate(inputs):
    from wit_world.imports import log

    log.write(log.Level.INFO, "\ud800")
    return 1
