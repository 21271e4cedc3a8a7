"""JSON scalars converted to Python's: numbers, text, dates, paths, identifiers.

JSON is taken strictly: text is not a number, 1 is not true, and a number with decimals is
not an integer (1.0 is one). An integer that a float is asked of becomes the nearest float.
"""

import datetime
import decimal
import fractions
import pathlib
import re
import typing
import uuid

from .violations import Bad, kind

_Decimal, _Fraction = decimal.Decimal, fractions.Fraction


def _float(value):
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Bad("type", "is too large for a float", value) from None
    raise Bad("type", f"must be a number, not {kind(value)}", value)


def _int(value):
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    seen = "a number with decimals" if type(value) is float else kind(value)
    raise Bad("type", f"must be an integer, not {seen}", value)


def _bool(value):
    if value is True or value is False:
        return value
    raise Bad("type", f"must be true or false, not {kind(value)}", value)


def _str(value):
    if type(value) is str:
        return value
    raise Bad("type", f"must be a string, not {kind(value)}", value)


def _none(value):
    if value is not None:
        raise Bad("type", f"must be null, not {kind(value)}", value)


def _dict(value):
    if type(value) is dict:
        return value
    raise Bad("type", f"must be an object, not {kind(value)}", value)


def _list(value):
    if type(value) is list:
        return value
    raise Bad("type", f"must be an array, not {kind(value)}", value)


def _exact_number(made):
    """Decimal and Fraction: a float gives the digits that its JSON text had."""

    def convert(value):
        if type(value) is int:
            return made(value)
        if type(value) not in (float, str):
            raise Bad("type", f"must be a number, not {kind(value)}", value)
        try:
            number = made(repr(value) if type(value) is float else value.strip())
        except (ValueError, ZeroDivisionError, decimal.InvalidOperation):
            raise Bad("type", "must be a number", value) from None
        if made is _Decimal and not number.is_finite():
            raise Bad("type", "must be a finite number", value)
        return number

    return convert


def _text(parse, what):
    """A type that JSON carries as a string with a format of its own."""

    def convert(value):
        if type(value) is not str:
            raise Bad("type", f"must be a string with {what}, not {kind(value)}", value)
        try:
            return parse(value)
        except ValueError:
            raise Bad("format", f"must be {what}", value) from None

    return convert


def _datetime(text):
    # A bare date is midnight; what is not in RFC 3339's shape is not guessed at.
    return datetime.datetime.fromisoformat(text)


_DURATION = re.compile(
    r"([-+])?P(?=.)(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?"
    r"(?:T(?=.)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)


def _timedelta(value):
    """Seconds, or ISO 8601's `P1DT2H30M`; years and months have no fixed length."""
    if type(value) in (int, float):
        try:
            return datetime.timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise Bad("type", "is too long a duration", value) from None
    match = _DURATION.fullmatch(value) if type(value) is str else None
    if match is None:
        raise Bad("format", "must be seconds or a duration such as PT1H30M", value)
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in match.groups()[1:])
    try:
        length = datetime.timedelta(days, seconds, 0, 0, minutes, hours, weeks)
        return -length if match[1] == "-" else length
    except OverflowError:
        raise Bad("type", "is too long a duration", value) from None


# The converter of each scalar type.
SCALARS = {
    float: _float,
    int: _int,
    bool: _bool,
    str: _str,
    None: _none,
    type(None): _none,
    _Decimal: _exact_number(_Decimal),
    _Fraction: _exact_number(_Fraction),
    datetime.datetime: _text(_datetime, "a date and time in ISO 8601"),
    datetime.date: _text(datetime.date.fromisoformat, "a date in ISO 8601"),
    datetime.time: _text(datetime.time.fromisoformat, "a time in ISO 8601"),
    datetime.timedelta: _timedelta,
    uuid.UUID: _text(uuid.UUID, "a UUID"),
    pathlib.Path: _text(pathlib.Path, "a path"),
    pathlib.PurePath: _text(pathlib.PurePath, "a path"),
    pathlib.PurePosixPath: _text(pathlib.PurePosixPath, "a path"),
    getattr(typing, "LiteralString", str): _str,
    dict: _dict,
    list: _list,
}
# The JSON type that each stands for, where it is not a string.
EXACT = {
    float: float, int: int, bool: bool, str: str, None: type(None), type(None): type(None),
    _Decimal: float, _Fraction: float, datetime.timedelta: str,
}  # fmt: skip

# The JSON Schema of each scalar type; by mode where the two differ.
SCHEMAS = {
    float: {"type": "number"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    str: {"type": "string"},
    _Decimal: {"type": "number"},
    _Fraction: {"type": "number"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {
        "input": {
            "anyOf": [{"type": "number"}, {"type": "string", "format": "duration"}],
            "x-unit": "s",
        },
        "output": {"type": "number", "x-unit": "s"},
    },
    uuid.UUID: {"type": "string", "format": "uuid"},
    pathlib.Path: {"type": "string", "format": "path"},
    pathlib.PurePath: {"type": "string", "format": "path"},
    pathlib.PurePosixPath: {"type": "string", "format": "path"},
}
