"""Values as `model_dump` gives them: by their own types, where no field says otherwise."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import math
import pathlib
import re
import uuid

from .errors import unsupported


class PydanticSerializationError(ValueError):
    """A value that cannot be written."""


class How:
    """The arguments of one `model_dump`."""

    __slots__ = (
        "json", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none", "round_trip",
        "context", "fallback", "duck",
    )  # fmt: skip

    def __init__(
        self, mode="python", by_alias=None, exclude_unset=False, exclude_defaults=False,
        exclude_none=False, round_trip=False, context=None, fallback=None, duck=False,
    ):  # fmt: skip
        if mode not in ("python", "json"):
            raise unsupported(f"the dump mode {mode!r}")
        self.json, self.by_alias = mode == "json", bool(by_alias)
        self.exclude_unset, self.exclude_defaults = exclude_unset, exclude_defaults
        self.exclude_none, self.round_trip = exclude_none, round_trip
        self.context, self.fallback, self.duck = context, fallback, duck

    @property
    def mode(self):
        """ "python" or "json"."""
        return "json" if self.json else "python"


def nested(include, exclude, key):
    """`(keep, include, exclude)` for what is at `key`."""
    inner_in = inner_ex = None
    if include is not None:
        if isinstance(include, dict):
            inner_in = include.get(key, include.get("__all__", False))
        else:
            inner_in = key in include or "__all__" in include
        if inner_in is False:
            return False, None, None
        if inner_in is True or inner_in is ...:
            inner_in = None
    if exclude is not None:
        if isinstance(exclude, dict):
            inner_ex = exclude.get(key, exclude.get("__all__", False))
        else:
            inner_ex = key in exclude or "__all__" in exclude
        if inner_ex is True or inner_ex is ...:
            return False, None, None
        if inner_ex is False:
            inner_ex = None
    return True, inner_in, inner_ex


def node_of(cls):
    """The node of a model or a pydantic dataclass, None for any other class."""
    if "__pydantic_node__" in vars(cls) or hasattr(cls, "__pydantic_root_model__"):
        return cls.__pydantic_node__()
    return None


def dump_any(value, how, include=None, exclude=None):
    """A value dumped by its own type."""
    kind = type(value)
    if kind in (str, int, float, bool, type(None)):
        return value
    node = node_of(kind)
    if node is not None:
        return node.dump(value, how, include, exclude)
    if dataclasses.is_dataclass(kind):
        return _dataclass(value, how, include, exclude)
    if isinstance(value, collections.abc.Mapping):
        made = {}
        for key, item in value.items():
            keep, inner_in, inner_ex = nested(include, exclude, key)
            if keep:
                made[json_key(key) if how.json else key] = dump_any(item, how, inner_in, inner_ex)
        return made
    if isinstance(value, (list, tuple, set, frozenset, collections.deque)):
        made = []
        for i, item in enumerate(value):
            keep, inner_in, inner_ex = nested(include, exclude, i)
            if keep:
                made.append(dump_any(item, how, inner_in, inner_ex))
        if how.json or kind is list:
            return made
        return kind(*made) if hasattr(kind, "_fields") else kind(made)
    return _scalar(value, how) if how.json else value


def _dataclass(value, how, include, exclude):
    made = {}
    for field in dataclasses.fields(value):
        keep, inner_in, inner_ex = nested(include, exclude, field.name)
        if keep:
            made[field.name] = dump_any(getattr(value, field.name), how, inner_in, inner_ex)
    return made


def _scalar(value, how):
    """A value of the standard library's types in JSON mode."""
    if isinstance(value, enum.Enum):
        return dump_any(value.value, how)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, (decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath)):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.time)):
        text = value.isoformat()
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return iso_duration(value)
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError as error:
            raise PydanticSerializationError(f"invalid utf-8 sequence: {error}") from None
    if isinstance(value, re.Pattern):
        return value.pattern
    if isinstance(value, complex):
        return str(value).strip("()")
    if isinstance(value, (collections.abc.Iterator, range)):
        return [dump_any(item, how) for item in value]
    if how.fallback is not None:
        return dump_any(how.fallback(value), how)
    raise PydanticSerializationError(f"Unable to serialize unknown type: {type(value)}")


def iso_duration(length):
    """A timedelta in ISO 8601, as `P1DT2H3M4.5S`."""
    if not length:
        return "PT0S"
    sign = "-" if length < datetime.timedelta() else ""
    length = abs(length)
    hours, seconds = divmod(length.seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    years, days = divmod(length.days, 365)
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if seconds or fraction:
        clock += f"{seconds}{fraction}S"
    date = (f"{years}Y" if years else "") + (f"{days}D" if days else "")
    return f"{sign}P{date}" + (f"T{clock}" if clock else "")


def json_key(key):
    """A dict key's text in JSON."""
    if isinstance(key, enum.Enum):
        key = key.value
    if isinstance(key, str):
        return str(key)
    if key is None:
        return "None"
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, (int, float)):
        return str(key)
    if isinstance(key, tuple):
        return ",".join(json_key(part) for part in key)
    return str(_scalar(key, How("json")))


def _finite(value):
    """NaN and infinities as null, as pydantic writes them by default."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is list:
        return [_finite(x) for x in value]
    if type(value) is dict:
        return {key: _finite(x) for key, x in value.items()}
    return value


def to_json(value, indent=None, fallback=None, how=None):
    """A value as JSON text: compact, or indented."""
    how = how or How("json", fallback=fallback)
    return write_json(dump_any(value, how), indent)


def write_json(plain, indent=None):
    """JSON text of what a dump in JSON mode gave."""
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        return json.dumps(
            plain, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
        )
    except ValueError:
        return json.dumps(_finite(plain), ensure_ascii=False, indent=indent, separators=separators)
