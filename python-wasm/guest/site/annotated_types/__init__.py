"""The annotated_types vocabulary: constraints for `typing.Annotated`.

A stand-in with the public names of the package of that name; they carry data and check
nothing by themselves.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional, TypeVar, Union

__version__ = "0.7.0+mecapy"
__all__ = (
    "BaseMetadata", "GroupedMetadata", "Gt", "Ge", "Lt", "Le", "Interval", "MultipleOf",
    "MinLen", "MaxLen", "Len", "Timezone", "Unit", "Predicate", "Not", "LowerCase", "UpperCase",
    "IsDigit", "IsDigits", "IsAscii", "IsFinite", "IsNotFinite", "IsNan", "IsNotNan",
    "IsInfinite", "IsNotInfinite", "DocInfo", "doc",
)  # fmt: skip

_frozen = dataclass(frozen=True, slots=True)
T = TypeVar("T")


class BaseMetadata:
    """Base of every metadata class here."""

    __slots__ = ()


class GroupedMetadata:
    """Metadata that stands for several; iterating gives them."""

    __slots__ = ()

    @property
    def __is_annotated_types_grouped_metadata__(self):
        return True

    def __iter__(self):
        raise NotImplementedError


@_frozen
class Gt(BaseMetadata):
    """Greater than."""

    gt: Any


@_frozen
class Ge(BaseMetadata):
    """Greater than or equal."""

    ge: Any


@_frozen
class Lt(BaseMetadata):
    """Less than."""

    lt: Any


@_frozen
class Le(BaseMetadata):
    """Less than or equal."""

    le: Any


@_frozen
class Interval(GroupedMetadata):
    """Several bounds at once."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None

    def __iter__(self):
        for kind, bound in ((Gt, self.gt), (Ge, self.ge), (Lt, self.lt), (Le, self.le)):
            if bound is not None:
                yield kind(bound)


@_frozen
class MultipleOf(BaseMetadata):
    """A multiple of a number."""

    multiple_of: Any


@_frozen
class MinLen(BaseMetadata):
    """At least so many items or characters."""

    min_length: int


@_frozen
class MaxLen(BaseMetadata):
    """At most so many items or characters."""

    max_length: int


@_frozen
class Len(GroupedMetadata):
    """A range of lengths."""

    min_length: int = 0
    max_length: Optional[int] = None

    def __iter__(self):
        if self.min_length > 0:
            yield MinLen(self.min_length)
        if self.max_length is not None:
            yield MaxLen(self.max_length)


@_frozen
class Timezone(BaseMetadata):
    """A datetime's time zone: a name, `...` for any, None for none."""

    tz: Any


@_frozen
class Unit(BaseMetadata):
    """The unit of measurement of a number."""

    unit: str


@_frozen
class Predicate(BaseMetadata):
    """A function that is true of the value."""

    func: Callable[[Any], bool]


@_frozen
class Not:
    """The opposite of a predicate function."""

    func: Callable[[Any], bool]

    def __call__(self, value):
        return not self.func(value)


@_frozen
class DocInfo:
    """A text about the value."""

    documentation: str


def doc(documentation):
    """Document a value: `Annotated[float, doc("The bolt's diameter")]`."""
    return DocInfo(documentation)


def _annotate(predicate, kind=T):
    from typing import Annotated

    return Annotated[kind, Predicate(predicate)]


_Str = TypeVar("_Str", bound=str)
_Num = TypeVar("_Num", bound=Union[float, int])
LowerCase = _annotate(str.islower, _Str)
UpperCase = _annotate(str.isupper, _Str)
IsDigit = IsDigits = _annotate(str.isdigit, _Str)
IsAscii = _annotate(str.isascii, _Str)
IsFinite = _annotate(math.isfinite, _Num)
IsNotFinite = _annotate(Not(math.isfinite), _Num)
IsNan = _annotate(math.isnan, _Num)
IsNotNan = _annotate(Not(math.isnan), _Num)
IsInfinite = _annotate(math.isinf, _Num)
IsNotInfinite = _annotate(Not(math.isinf), _Num)
