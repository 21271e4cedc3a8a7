# /// expect
# kind = "exception"
# ///
"""A log level that does not exist, by the raw import: the host's check of the number, or the binding's."""


def calculate(inputs):
    from wit_world.imports import log

    log.write(99, "no such level")
    return 1
