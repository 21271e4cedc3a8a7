# /// expect
# kind = "exception"
# ///
"""A message that is no text, by the raw import."""


def calculate(inputs):
    from wit_world.imports import log

    log.write(log.Level.INFO, {"not": "text"})
    return 1
