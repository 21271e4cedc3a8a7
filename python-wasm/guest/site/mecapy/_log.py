"""Messages and progress, and the way there from `logging`."""

import logging
import math

from . import _host


class _Log:
    """Adds a message to the call's log.

    `mecapy.log("meshed")`, `mecapy.log("coarse", level="warning")`, or
    `mecapy.log.warning("coarse")`. Levels are debug, info, warning and error.
    """

    def __call__(self, message: object, level: str = "info") -> None:
        if level not in _host.LEVELS:
            levels = ", ".join(_host.LEVELS)
            raise ValueError(f"{level!r} is not a level of the log: it is one of {levels}")
        _host.log(level, str(message))

    def debug(self, message: object) -> None:
        """A message for whoever looks for a fault."""
        _host.log("debug", str(message))

    def info(self, message: object) -> None:
        """A message for whoever follows the calculation."""
        _host.log("info", str(message))

    def warning(self, message: object) -> None:
        """The result is there, but has to be looked at."""
        _host.log("warning", str(message))

    def error(self, message: object) -> None:
        """Something failed. To end the call, raise an exception."""
        _host.log("error", str(message))


log = _Log()


def progress(fraction: float, message: str = "") -> None:
    """Tells how far the calculation has come: `fraction` from 0 to 1, and what it does."""
    fraction = float(fraction)
    if not math.isnan(fraction):
        _host.report(min(max(fraction, 0.0), 1.0), str(message))


class HostHandler(logging.Handler):
    """Sends `logging`'s records to the call's log, at the level that is theirs."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            if record.name != "root":
                text = f"{record.name}: {text}"
            _host.log(_level(record.levelno), text)
        except Exception:
            self.handleError(record)


def _level(number):
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
