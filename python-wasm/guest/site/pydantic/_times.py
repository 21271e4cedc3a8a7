"""Nodes of values that are text with a format: dates, times, durations, identifiers, paths."""

import datetime
import fractions
import pathlib
import re
import uuid

from ._failures import Invalid
from ._nodes import Node
from ._numbers import check_bounds
from ._state import LAX, STRICT

_UTC = datetime.timezone.utc
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
_ORDER = ("gt", "ge", "lt", "le")
# Beyond this a number of seconds is one of milliseconds.
_WATERSHED = 2e10

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt _](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*([Zz]|[-+]\d\d(?::?\d\d)?)?"
)
_TIME = re.compile(r"(\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*([Zz]|[-+]\d\d(?::?\d\d)?)?")
_ISO_DURATION = re.compile(
    r"([-+])?P(?=.)(?:(\d+(?:\.\d+)?)Y)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)W)?"
    r"(?:(\d+(?:\.\d+)?)D)?(?:T(?=.)(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_CLOCK_DURATION = re.compile(
    r"([-+])?(?:(\d+)\s*d(?:ays?)?,?\s*)?(?:(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?)?"
)


class _Ordered(Node):
    """A type with an order, so with gt, ge, lt, le."""

    takes = _ORDER
    kind = None

    @property
    def name(self):
        return self.kind.__name__

    def validate(self, value, st):
        made = self._convert(value, st)
        if self.bounds:
            check_bounds(self.bounds, made, value)
        return made

    def fits(self, value):
        return isinstance(value, self.kind)


def _clock(text):
    # fromisoformat takes 3 or 6 digits of a second in 3.11; further digits are cut.
    text = text.replace(",", ".")
    whole, point, fraction = text.partition(".")
    return f"{whole}.{fraction[:6].ljust(6, '0')}" if point else whole


def _zone(text):
    if not text:
        return ""
    return "+00:00" if text in "Zz" else text


def _from_number(value):
    """A moment from seconds (or milliseconds) since 1970."""
    seconds = value / 1000 if abs(value) > _WATERSHED else value
    return _EPOCH + datetime.timedelta(seconds=seconds)


def _number(text):
    try:
        return float(text) if re.fullmatch(r"[-+]?\d+(\.\d+)?", text) else None
    except ValueError:
        return None


def parse_datetime(text):
    """A datetime from text, or ValueError with pydantic's kind of reason."""
    text = text.strip()
    number = _number(text)
    if number is not None:
        return _from_number(number)
    match = _DATETIME.fullmatch(text)
    if match is None:
        if _DATE.fullmatch(text):
            return datetime.datetime.fromisoformat(text)
        raise ValueError(_reason(text))
    return datetime.datetime.fromisoformat(f"{match[1]}T{_clock(match[2])}{_zone(match[3])}")


def _reason(text):
    if len(text) < 10:
        return "input is too short"
    if not text[:4].isdigit():
        return "invalid character in year"
    if text[4] != "-":
        return "invalid date separator, expected `-`"
    if not text[5:7].isdigit():
        return "invalid character in month"
    if text[7] != "-":
        return "invalid date separator, expected `-`"
    if not text[8:10].isdigit():
        return "invalid character in day"
    return "unexpected extra characters at the end of the input"


def _why(error, text):
    """The reason for a text that has the right form and is no date."""
    said = str(error)
    if "month must" in said:
        return "month value is outside expected range of 1-12"
    if "day" in said and ("range" in said or "must" in said):
        return "day value is outside expected range"
    if "hour must" in said:
        return "hour value is outside expected range of 0-23"
    if "minute must" in said:
        return "minute value is outside expected range of 0-59"
    if "second must" in said:
        return "second value is outside expected range of 0-59"
    return said if said in _REASONS else _reason(text)


_REASONS = {
    "input is too short", "invalid character in year", "invalid date separator, expected `-`",
    "invalid character in month", "invalid character in day",
    "unexpected extra characters at the end of the input",
}  # fmt: skip


class DatetimeNode(_Ordered):
    """datetime.datetime; `zone` True or False asks for one or none."""

    kind = datetime.datetime
    takes = (*_ORDER, "zone", "tense")

    def _convert(self, value, st):
        made = self._read(value, st)
        if self.bounds.get("zone") is True and made.tzinfo is None:
            raise Invalid("timezone_aware", value)
        if self.bounds.get("zone") is False and made.tzinfo is not None:
            raise Invalid("timezone_naive", value)
        tense = self.bounds.get("tense")
        if tense is not None:
            now = datetime.datetime.now(made.tzinfo)
            if not (made < now if tense == "past" else made > now):
                raise Invalid(f"datetime_{tense}", value)
        return made

    def _read(self, value, st):
        if isinstance(value, datetime.datetime):
            return value
        if self.is_strict(st) and not (st.mode == "json" and isinstance(value, str)):
            raise Invalid("datetime_type", value)
        st.floor(LAX)
        if isinstance(value, datetime.date):
            return datetime.datetime(value.year, value.month, value.day)
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        try:
            if isinstance(value, str):
                return parse_datetime(value)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return _from_number(value)
        except (ValueError, OverflowError) as error:
            text = str(value)
            raise Invalid(
                "datetime_from_date_parsing", value, {"error": _why(error, text)}
            ) from None
        raise Invalid("datetime_type", value)

    def schema(self, gen):
        return {"type": "string", "format": "date-time"}


class DateNode(_Ordered):
    """datetime.date"""

    kind = datetime.date
    takes = (*_ORDER, "tense")

    def _convert(self, value, st):
        made = self._read(value, st)
        tense = self.bounds.get("tense")
        if tense is not None:
            today = datetime.date.today()
            if not (made < today if tense == "past" else made > today):
                raise Invalid(f"date_{tense}", value)
        return made

    def _read(self, value, st):
        if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
            return value
        if self.is_strict(st) and not (st.mode == "json" and isinstance(value, str)):
            raise Invalid("date_type", value)
        st.floor(LAX)
        moment = value
        if isinstance(value, bytes):
            moment = value.decode(errors="replace")
        try:
            if isinstance(moment, str):
                moment = parse_datetime(moment)
            elif isinstance(moment, (int, float)) and not isinstance(moment, bool):
                moment = _from_number(moment)
        except (ValueError, OverflowError) as error:
            reason = _why(error, str(moment))
            raise Invalid("date_from_datetime_parsing", value, {"error": reason}) from None
        if not isinstance(moment, datetime.datetime):
            raise Invalid("date_type", value)
        if moment.time() != datetime.time():
            raise Invalid("date_from_datetime_inexact", value)
        return moment.date()

    def fits(self, value):
        return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)

    def schema(self, gen):
        return {"type": "string", "format": "date"}


class TimeNode(_Ordered):
    """datetime.time"""

    kind = datetime.time

    def _convert(self, value, st):
        if isinstance(value, datetime.time):
            return value
        if self.is_strict(st) and not (st.mode == "json" and isinstance(value, str)):
            raise Invalid("time_type", value)
        st.floor(LAX)
        if isinstance(value, str):
            match = _TIME.fullmatch(value.strip())
            try:
                if match:
                    return datetime.time.fromisoformat(_clock(match[1]) + _zone(match[2]))
                reason = self._reason(value)
            except ValueError as error:
                reason = _why(error, value)
            raise Invalid("time_parsing", value, {"error": reason})
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if not 0 <= value < 86400:
                reason = "numeric times may not exceed 86,399 seconds"
                raise Invalid("time_parsing", value, {"error": reason})
            return _from_number(value).timetz()
        raise Invalid("time_type", value)

    @staticmethod
    def _reason(text):
        if len(text) < 5:
            return "input is too short"
        if not text[:2].isdigit():
            return "invalid character in hour"
        if text[2] != ":":
            return "invalid time separator, expected `:`"
        return "unexpected extra characters at the end of the input"

    def schema(self, gen):
        return {"type": "string", "format": "time"}


def parse_duration(text):
    """A timedelta from ISO 8601 or clock form, or None."""
    match = _ISO_DURATION.fullmatch(text)
    if match:
        years, months, weeks, days, hours, minutes, seconds = (
            float(x or 0) for x in match.groups()[1:]
        )
        days += 365 * years + 30 * months
        length = datetime.timedelta(days, seconds, 0, 0, minutes, hours, weeks)
    else:
        match = _CLOCK_DURATION.fullmatch(text)
        if match is None or (match[2] is None and match[3] is None):
            return None
        days, hours, minutes, seconds = (float(x or 0) for x in match.groups()[1:])
        length = datetime.timedelta(days, seconds, 0, 0, minutes, hours)
    return -length if match[1] == "-" else length


class TimedeltaNode(_Ordered):
    """datetime.timedelta"""

    kind = datetime.timedelta

    def _convert(self, value, st):
        if isinstance(value, datetime.timedelta):
            return value
        if self.is_strict(st) and not (st.mode == "json" and isinstance(value, str)):
            raise Invalid("time_delta_type", value)
        st.floor(LAX)
        try:
            if isinstance(value, str):
                made = parse_duration(value.strip())
                if made is None:
                    short = len(value) < 1
                    reason = "input is too short" if short else "invalid digit in duration"
                    raise Invalid("time_delta_parsing", value, {"error": reason})
                return made
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return datetime.timedelta(seconds=value)
        except (OverflowError, ValueError):
            reason = "durations may not exceed 999,999,999 days"
            raise Invalid("time_delta_parsing", value, {"error": reason}) from None
        raise Invalid("time_delta_type", value)

    def schema(self, gen):
        return {"type": "string", "format": "duration"}


class UuidNode(Node):
    """uuid.UUID"""

    @property
    def name(self):
        return "uuid"

    def validate(self, value, st):
        if isinstance(value, uuid.UUID):
            return value
        if self.is_strict(st) and st.mode != "json":
            raise Invalid("is_instance_of", value, {"class": "UUID"})
        st.floor(LAX)
        if not isinstance(value, (str, bytes)):
            raise Invalid("uuid_type", value)
        try:
            if isinstance(value, bytes):
                return uuid.UUID(bytes=value) if len(value) == 16 else uuid.UUID(value.decode())
            return uuid.UUID(value)
        except ValueError:
            raise Invalid("uuid_parsing", value, {"error": self._reason(value)}) from None

    @staticmethod
    def _reason(value):
        if isinstance(value, bytes):
            return f"invalid length: expected 16 bytes, found {len(value)}"
        for i, letter in enumerate(value):
            if letter not in "0123456789abcdefABCDEF-":
                return f"invalid character: found `{letter}` at {i}"
        return f"invalid length: expected length 32 for simple format, found {len(value)}"

    def schema(self, gen):
        return {"type": "string", "format": "uuid"}

    def fits(self, value):
        return isinstance(value, uuid.UUID)


class PathNode(Node):
    """A pathlib class; `must` is "file", "dir" or "new" for a path that is looked up."""

    def __init__(self, cls, must=None):
        super().__init__()
        self.cls, self.must = cls, must

    @property
    def name(self):
        return self.cls.__name__

    def validate(self, value, st):
        if isinstance(value, self.cls):
            return value
        if self.is_strict(st) and st.mode != "json":
            raise Invalid("is_instance_of", value, {"class": self.cls.__name__})
        if not isinstance(value, str):
            raise Invalid(
                "path_type",
                value,
                {"path_type": f"<class 'pathlib.{self.cls.__name__}'>"},
                hidden=True,
            )
        st.floor(LAX)
        return self.cls(value)

    def schema(self, gen):
        return {"type": "string", "format": "path"}

    def fits(self, value):
        return isinstance(value, pathlib.PurePath)


class PatternNode(Node):
    """re.Pattern"""

    @property
    def name(self):
        return "pattern"

    def validate(self, value, st):
        if isinstance(value, re.Pattern):
            return value
        if not isinstance(value, str):
            raise Invalid("pattern_type", value)
        st.floor(LAX)
        try:
            return re.compile(value)
        except re.error:
            raise Invalid("pattern_regex", value) from None

    def schema(self, gen):
        return {"type": "string", "format": "regex"}

    def fits(self, value):
        return isinstance(value, re.Pattern)


class ComplexNode(Node):
    """complex"""

    @property
    def name(self):
        return "complex"

    def validate(self, value, st):
        if type(value) is complex:
            return value
        if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
            st.floor(STRICT)
            return complex(value)
        if not isinstance(value, str) or (self.is_strict(st) and st.mode != "json"):
            raise Invalid("complex_type", value)
        st.floor(LAX)
        try:
            return complex(value)
        except ValueError:
            raise Invalid("complex_type", value) from None

    def schema(self, gen):
        return {"type": "string"}

    def fits(self, value):
        return isinstance(value, complex)


class FractionNode(_Ordered):
    """fractions.Fraction"""

    kind = fractions.Fraction

    def _convert(self, value, st):
        if isinstance(value, fractions.Fraction):
            return value
        st.floor(LAX)
        try:
            return fractions.Fraction(value)
        except (ValueError, TypeError, ZeroDivisionError, OverflowError):
            raise Invalid("fraction_parsing", value) from None

    def schema(self, gen):
        text = {"type": "string", "format": "fraction"}
        if gen.mode == "serialization":
            return text
        return {"anyOf": [self.numbers({"type": "number"}), text]}
