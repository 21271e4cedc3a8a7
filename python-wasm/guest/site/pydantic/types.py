"""Constrained types and the type markers of pydantic."""

import datetime
import decimal
import pathlib
import uuid
from typing import Annotated

from annotated_types import Ge, Gt, Interval, Le, Len, Lt, MultipleOf

from .errors import unsupported
from .fields import General

__all__ = (
    "Strict", "AllowInfNan", "StringConstraints", "FailFast", "Discriminator", "Tag", "Json",
    "conint", "confloat", "condecimal", "condate", "constr", "conbytes", "conlist", "conset",
    "confrozenset", "PositiveInt", "NegativeInt", "NonPositiveInt", "NonNegativeInt",
    "PositiveFloat", "NegativeFloat", "NonPositiveFloat", "NonNegativeFloat", "FiniteFloat",
    "StrictInt", "StrictFloat", "StrictBool", "StrictStr", "StrictBytes", "UUID1", "UUID3",
    "UUID4", "UUID5", "PastDate", "FutureDate", "PastDatetime", "FutureDatetime",
    "AwareDatetime", "NaiveDatetime", "FilePath", "DirectoryPath", "NewPath",
)  # fmt: skip


class Strict:
    """Convert nothing."""

    __slots__ = ("strict",)

    def __init__(self, strict=True):
        self.strict = strict

    def __repr__(self):
        return f"Strict(strict={self.strict})"

    def __eq__(self, other):
        return type(other) is Strict and self.strict == other.strict

    def __hash__(self):
        return hash(self.strict)


class AllowInfNan:
    """Whether NaN and infinities are numbers here."""

    __slots__ = ("allow_inf_nan",)

    def __init__(self, allow_inf_nan=True):
        self.allow_inf_nan = allow_inf_nan

    def __repr__(self):
        return f"AllowInfNan(allow_inf_nan={self.allow_inf_nan})"


class StringConstraints:
    """The constraints of a str."""

    def __init__(
        self, *, strip_whitespace=None, to_upper=None, to_lower=None, strict=None,
        min_length=None, max_length=None, pattern=None,
    ):  # fmt: skip
        given = locals()
        self.__dict__.update({k: v for k, v in given.items() if k != "self" and v is not None})


class FailFast:
    """Stop at an array's first bad item; accepted, and every item is reported all the same."""


class Discriminator:
    """What tells a union's members apart: a field's name or a function."""

    __slots__ = ("discriminator", "custom_error_type")

    def __init__(
        self, discriminator, custom_error_type=None, custom_error_message=None,
        custom_error_context=None,
    ):  # fmt: skip
        if custom_error_type is not None:
            raise unsupported("Discriminator(custom_error_type=...)")
        self.discriminator, self.custom_error_type = discriminator, None


class Tag:
    """A union member's tag, for a discriminator function."""

    __slots__ = ("tag",)

    def __init__(self, tag):
        self.tag = tag


class Json:
    """`Json[X]`: text that is JSON of an X."""

    def __class_getitem__(cls, item):
        return Annotated[item, Json()]


def _given(**constraints):
    return {name: value for name, value in constraints.items() if value is not None}


def conint(*, strict=None, gt=None, ge=None, lt=None, le=None, multiple_of=None):
    """A constrained int."""
    return Annotated[(int, *_number(strict, gt, ge, lt, le, multiple_of))]


def confloat(
    *, strict=None, gt=None, ge=None, lt=None, le=None, multiple_of=None, allow_inf_nan=None
):
    """A constrained float."""
    metadata = _number(strict, gt, ge, lt, le, multiple_of)
    return Annotated[(float, *metadata, General(**_given(allow_inf_nan=allow_inf_nan)))]


def condecimal(
    *, strict=None, gt=None, ge=None, lt=None, le=None, multiple_of=None, max_digits=None,
    decimal_places=None, allow_inf_nan=None,
):  # fmt: skip
    """A constrained Decimal."""
    general = _given(
        max_digits=max_digits, decimal_places=decimal_places, allow_inf_nan=allow_inf_nan
    )
    metadata = _number(strict, gt, ge, lt, le, multiple_of)
    return Annotated[(decimal.Decimal, *metadata, General(**general))]


def condate(*, strict=None, gt=None, ge=None, lt=None, le=None):
    """A constrained date."""
    return Annotated[(datetime.date, *_number(strict, gt, ge, lt, le, None))]


def _number(strict, gt, ge, lt, le, multiple_of):
    metadata = [Interval(gt=gt, ge=ge, lt=lt, le=le)]
    if strict is not None:
        metadata.append(Strict(strict))
    if multiple_of is not None:
        metadata.append(MultipleOf(multiple_of))
    return metadata


def constr(
    *, strip_whitespace=None, to_upper=None, to_lower=None, strict=None, min_length=None,
    max_length=None, pattern=None,
):  # fmt: skip
    """A constrained str."""
    return Annotated[str, StringConstraints(**locals())]


def conbytes(*, min_length=None, max_length=None, strict=None):
    """Constrained bytes."""
    return Annotated[
        (bytes, *_sized(min_length, max_length), *([Strict(strict)] if strict else []))
    ]


def conlist(item_type, *, min_length=None, max_length=None, unique_items=None):
    """A constrained list."""
    if unique_items is not None:
        raise unsupported("conlist(unique_items=...)")
    return Annotated[(list[item_type], *_sized(min_length, max_length))]


def conset(item_type, *, min_length=None, max_length=None):
    """A constrained set."""
    return Annotated[(set[item_type], *_sized(min_length, max_length))]


def confrozenset(item_type, *, min_length=None, max_length=None):
    """A constrained frozenset."""
    return Annotated[(frozenset[item_type], *_sized(min_length, max_length))]


def _sized(min_length, max_length):
    return [Len(min_length or 0, max_length)]


PositiveInt = Annotated[int, Gt(0)]
NegativeInt = Annotated[int, Lt(0)]
NonPositiveInt = Annotated[int, Le(0)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NegativeFloat = Annotated[float, Lt(0)]
NonPositiveFloat = Annotated[float, Le(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
FiniteFloat = Annotated[float, AllowInfNan(False)]
StrictInt = Annotated[int, Strict()]
StrictFloat = Annotated[float, Strict()]
StrictBool = Annotated[bool, Strict()]
StrictStr = Annotated[str, Strict()]
StrictBytes = Annotated[bytes, Strict()]
UUID1 = Annotated[uuid.UUID, General(uuid_version=1)]
UUID3 = Annotated[uuid.UUID, General(uuid_version=3)]
UUID4 = Annotated[uuid.UUID, General(uuid_version=4)]
UUID5 = Annotated[uuid.UUID, General(uuid_version=5)]
PastDate = Annotated[datetime.date, General(tense="past")]
FutureDate = Annotated[datetime.date, General(tense="future")]
PastDatetime = Annotated[datetime.datetime, General(tense="past")]
FutureDatetime = Annotated[datetime.datetime, General(tense="future")]
AwareDatetime = Annotated[datetime.datetime, General(zone=True)]
NaiveDatetime = Annotated[datetime.datetime, General(zone=False)]
FilePath = Annotated[pathlib.Path, General(path_must="file")]
DirectoryPath = Annotated[pathlib.Path, General(path_must="dir")]
NewPath = Annotated[pathlib.Path, General(path_must="new")]
