"""Results as JSON text.

`encode` first looks at a result's types: a tree of plain dicts, lists and scalars goes to
the C encoder as it is. Anything else is walked once, turned into such a tree, and every
value without a JSON form is named by its path.

Everything the walk needs is bound here at import, and types are asked for with `type`, so
a handler that replaces `json.dumps`, a builtin or its own `__class__` changes nothing.
"""

import array
import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import json.encoder
import pathlib
import types
import uuid
from builtins import (
    AttributeError, OverflowError, TypeError, UnicodeEncodeError, ValueError, abs,
    bool, callable, dict, float, frozenset, getattr, hasattr, id, int, isinstance, issubclass,
    len, list, map, range, repr, set, str, tuple, type, zip,
)  # fmt: skip

MOST_DEPTH = 100
# CPython's default for int(text); a reader in another language stops far earlier.
MOST_DIGITS = 4300

_MOST_INTEGER = 10**MOST_DIGITS
_INFINITY = float("inf")
_SCALARS = frozenset((str, int, float, bool, type(None)))
_TEXTS = frozenset((str,))
_Enum = enum.Enum
_Decimal, _Fraction, _UUID = decimal.Decimal, fractions.Fraction, uuid.UUID
_PurePath = pathlib.PurePath
_datetime, _date, _time, _timedelta = (
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta,
)  # fmt: skip
# What is no container, whatever its own class adds.
_SCALAR_BASES = (
    str, int, float, _Enum, _Decimal, _Fraction, _UUID, _PurePath, _date, _time, _timedelta,
)  # fmt: skip
_Mapping = collections.abc.Mapping
_SEQUENCES = (collections.deque, range, array.array)
_MappingProxy = types.MappingProxyType
_fields = dataclasses.fields
_getattribute = object.__getattribute__


class NotJson(ValueError):
    """A value that has no JSON form; `path` says where it is, as in `$.stress[3]`."""

    def __init__(self, path, problem):
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


def _refuse(value):
    raise TypeError("not plain")


def _c_encoder():
    make = json.encoder.c_make_encoder
    text = json.encoder.encode_basestring
    if make is None:  # an interpreter without _json
        slow = json.encoder.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
        )
        return slow.encode
    # No markers: the depth is known to be bounded before this runs.
    made = make(None, _refuse, text, None, ":", ",", False, False, False)
    join = "".join
    return lambda value: join(made(value, 0))


_encode_plain = _c_encoder()


def encode(value):
    """A result's JSON text, compact. Raises `NotJson`."""
    if _is_plain(value):
        try:
            text = _encode_plain(value)
        except (ValueError, TypeError):  # a NaN or a huge integer: the walk finds where
            return _encode_plain(plain(value))
        if text.isascii() or _is_utf8(text):
            return text
    return _encode_plain(plain(value))


def plain(value):
    """A result as dicts, lists and scalars only, each safe to encode. Raises `NotJson`."""
    return _plain(value, None, 0, set())


def _is_plain(value):
    """Whether a tree has only exact dicts with text keys, exact lists and scalars.

    Level by level, and by whole containers, so that a list of a million numbers costs one
    pass in C; a tree deeper than allowed, a cycle among them, is not plain.
    """
    if type(value) in _SCALARS:
        return True
    level = [value]
    for _ in range(MOST_DEPTH):
        below = []
        for container in level:
            if type(container) is dict:
                if not _TEXTS.issuperset(map(type, container)):
                    return False
                values = list(container.values())
            elif type(container) is list:
                values = container
            else:
                return False
            if not _SCALARS.issuperset(map(type, values)):
                below += [x for x in values if type(x) not in _SCALARS]
        if not below:
            return True
        level = below
    return False


def _is_utf8(text):
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _plain(value, at, depth, open_ids):
    """`at` is the path so far as (path above, key); `open_ids` the containers above."""
    kind = type(value)
    if kind is float:
        if value != value or value in (_INFINITY, -_INFINITY):
            raise NotJson(_path(at), f"{float.__repr__(value)} is not JSON")
        return value
    if kind is str:
        return _text(value, at)
    if kind is int:
        return _integer(value, at)
    if kind is bool or value is None:
        return value
    if depth >= MOST_DEPTH and not issubclass(kind, _SCALAR_BASES):
        raise NotJson(_path(at), f"is nested more than {MOST_DEPTH} deep")
    if id(value) in open_ids:
        raise NotJson(_path(at), "contains itself")
    open_ids.add(id(value))
    try:
        made = _of_type(value, kind, at, depth, open_ids)
    finally:
        open_ids.discard(id(value))
    return made


def _of_type(value, kind, at, depth, open_ids):
    """One value that is not an exact scalar."""
    if kind is list or kind is tuple:
        return [_plain(x, (at, i), depth + 1, open_ids) for i, x in _numbered(value)]
    if kind is dict:
        return _object(value.items(), at, depth, open_ids)
    if issubclass(kind, _Enum):
        return _plain(_enum_form(value), at, depth, open_ids)
    for base, of_base in _BASES:
        if issubclass(kind, base):
            return of_base(value, at, depth, open_ids)
    if kind is type or issubclass(kind, type):
        raise NotJson(_path(at), f"the class {value.__name__} has no JSON form")
    if hasattr(kind, "__dataclass_fields__"):
        pairs = []
        for field in _fields(kind):
            try:
                pairs.append((field.name, getattr(value, field.name)))
            except AttributeError:
                raise NotJson(_path((at, field.name)), "was never set") from None
        return _object(pairs, at, depth, open_ids)
    if callable(getattr(kind, "model_dump", None)):
        # A model says itself how it is written: its outputs schema says the same.
        return _plain(value.model_dump(mode="json", by_alias=True), at, depth + 1, open_ids)
    if hasattr(kind, "dtype") and callable(getattr(kind, "tolist", None)):
        items = value.tolist()
        if type(items) is kind:
            raise NotJson(_path(at), f"{_name(kind)} has no JSON form")
        return _plain(items, at, depth + 1, open_ids)
    if issubclass(kind, _Mapping):
        return _object([(key, value[key]) for key in value], at, depth, open_ids)
    raise NotJson(_path(at), _no_form(value, kind))


def _numbered(values):
    return zip(range(len(values)), values)


def _object(pairs, at, depth, open_ids):
    made = {}
    for key, value in pairs:
        name = key if type(key) is str else _key(key, at)
        below = (at, name)
        _text(name, below)
        if name in made:
            raise NotJson(_path(below), "two keys of the object have this same text")
        made[name] = _plain(value, below, depth + 1, open_ids)
    return made


def _key(key, at):
    """An object key's text: of strings, integers, finite floats and enums of these."""
    kind = type(key)
    if issubclass(kind, _Enum):
        key = _enum_form(key)
        kind = type(key)
    elif hasattr(kind, "dtype") and callable(getattr(kind, "tolist", None)):
        key = key.tolist()
        kind = type(key)
    if kind is not bool and issubclass(kind, (str, int, float)):
        exact = _exact(key, at, 0, None)
        return exact if type(exact) is str else repr(exact)
    raise NotJson(_path(at), f"a key is {_article(kind)}; keys are text or numbers")


def _exact(value, at, _depth, _open):
    """A scalar subclass's own value, whatever its methods say."""
    for base, take in ((str, str.__str__), (float, float.__float__), (int, int.__int__)):
        if issubclass(type(value), base):
            return _plain(take(value), at, 0, None)


def _text(value, at):
    if not value.isascii() and not _is_utf8(value):
        raise NotJson(_path(at), "has a lone surrogate, which no UTF-8 text can carry")
    return value


def _integer(value, at):
    if value >= _MOST_INTEGER or value <= -_MOST_INTEGER:
        digits = int(abs(value).bit_length() * 0.30103) + 1
        raise NotJson(
            _path(at), f"an integer of about {digits} digits; at most {MOST_DIGITS} are written"
        )
    return value


def _enum_form(member):
    # convert.json_form is the same rule on the way in.
    value = _getattribute(member, "_value_")
    if issubclass(type(value), (str, int, float)) or value is None:
        return value
    return _getattribute(member, "_name_")


def _decimal(value, at, _depth, _open):
    if not _Decimal.is_finite(value):
        raise NotJson(_path(at), f"{_Decimal.__str__(value)} is not JSON")
    exponent = _Decimal.as_tuple(value)[2]
    if _Decimal.adjusted(value) > MOST_DIGITS:
        raise NotJson(_path(at), "the Decimal is too large")
    if exponent >= 0 or (exponent > -MOST_DIGITS and value == _Decimal.to_integral_value(value)):
        return _integer(_Decimal.__int__(value), at)
    return _nearest(_Decimal.__float__, value, "Decimal", at)


def _fraction(value, at, _depth, _open):
    if value.denominator == 1:
        return _integer(int(value.numerator), at)
    return _nearest(_Fraction.__float__, value, "Fraction", at)


def _nearest(convert, value, name, at):
    try:
        made = convert(value)
    except OverflowError:
        made = _INFINITY
    if made in (_INFINITY, -_INFINITY):
        raise NotJson(_path(at), f"the {name} is too large for a float")
    return made


def _sequence(iterate):
    def convert(value, at, depth, open_ids):
        items = list(iterate(value))
        return [_plain(x, (at, i), depth + 1, open_ids) for i, x in _numbered(items)]

    return convert


def _tuple(value, at, depth, open_ids):
    names = getattr(type(value), "_fields", None)
    items = list(tuple.__iter__(value))
    if type(names) is tuple and len(names) == len(items):
        return _object(zip(names, items), at, depth, open_ids)
    return [_plain(x, (at, i), depth + 1, open_ids) for i, x in _numbered(items)]


def _dict(value, at, depth, open_ids):
    return _object(list(dict.items(value)), at, depth, open_ids)


def _proxy(value, at, depth, open_ids):
    return _object([(key, value[key]) for key in value], at, depth, open_ids)


# In this order: datetime is a date, a NamedTuple a tuple. Methods of the base, not of the
# value's own class, read the value.
_BASES = (
    (str, _exact),
    (float, _exact),
    (int, _exact),
    (dict, _dict),
    (list, _sequence(list.__iter__)),
    (tuple, _tuple),
    (_Decimal, _decimal),
    (_Fraction, _fraction),
    (_datetime, lambda value, *_: _datetime.isoformat(value)),
    (_date, lambda value, *_: _date.isoformat(value)),
    (_time, lambda value, *_: _time.isoformat(value)),
    (_timedelta, lambda value, *_: _timedelta.total_seconds(value)),
    (_UUID, lambda value, *_: _UUID.__str__(value)),
    (_PurePath, lambda value, at, *_: _text(_PurePath.__str__(value), at)),
    (_MappingProxy, _proxy),
    *((base, _sequence(base.__iter__)) for base in _SEQUENCES),
)

_HINTS = {
    "set": "sorted(...) gives a list",
    "frozenset": "sorted(...) gives a list",
    "complex": "give its real and imaginary parts",
    "generator": "list(...) gives its items",
    "dict_keys": "list(...) gives a list",
    "dict_values": "list(...) gives a list",
    "dict_items": "dict(...) gives an object",
    "map": "list(...) gives its items",
    "filter": "list(...) gives its items",
    "zip": "list(...) gives its items",
    "bytes": "decode it, or base64.b64encode(...).decode()",
    "bytearray": "decode it, or base64.b64encode(...).decode()",
    "coroutine": "await it",
}


def _no_form(value, kind):
    hint = _HINTS.get(kind.__name__)
    if hint is None and hasattr(kind, "__float__"):
        hint = "float(...) gives a number"
    return f"{_article(kind)} has no JSON form" + (f" ({hint})" if hint else "")


def _article(kind):
    name = _name(kind)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _name(kind):
    module = getattr(kind, "__module__", "")
    if module in ("builtins", "__main__") or not isinstance(module, str):
        return kind.__name__
    return f"{module}.{kind.__qualname__}"


def _path(at):
    """The path's text, `$.a["b c"][3]`; the middle of a very deep one is left out."""
    keys = []
    while at is not None:
        at, key = at
        keys.append(key)
    keys.reverse()
    if len(keys) > 20:
        return "$" + _keys(keys[:10]) + "…" + _keys(keys[-5:])
    return "$" + _keys(keys)


def _keys(keys):
    parts = []
    for key in keys:
        if type(key) is int:
            parts.append(f"[{key}]")
        elif key.isidentifier():
            parts.append(f".{key}")
        else:
            parts.append(f"[{json.encoder.encode_basestring_ascii(key[:60])}]")
    return "".join(parts)
