"""Serializer decorators and the serializers that `Annotated` carries."""

from ._wrappers import SerializationInfo
from .errors import PydanticUserError
from .fields import PydanticUndefined
from .functional_validators import Decorator, _fields

FieldSerializationInfo = SerializationInfo
SerializerFunctionWrapHandler = object


class PlainSerializer:
    """A function instead of the usual dump."""

    __slots__ = ("func", "return_type", "when_used")
    mode = "plain"

    def __init__(self, func, return_type=PydanticUndefined, when_used="always"):
        self.func, self.return_type, self.when_used = func, return_type, when_used

    def __repr__(self):
        return f"{type(self).__name__}(func={self.func!r})"


class WrapSerializer(PlainSerializer):
    """A function around the usual dump."""

    __slots__ = ()
    mode = "wrap"


class SerializeAsAny:
    """`SerializeAsAny[X]`: dumped by the value's own type, not X."""

    def __class_getitem__(cls, item):
        from typing import Annotated

        return Annotated[item, SerializeAsAny()]


def field_serializer(
    *fields, mode="plain", return_type=PydanticUndefined, when_used="always", check_fields=None
):
    """A method that dumps fields."""
    fields = _fields("field_serializer", fields)

    def decorate(function):
        return Decorator(
            "field_serializer", function, fields,
            mode=mode, return_type=return_type, when_used=when_used, check_fields=check_fields,
        )  # fmt: skip

    return decorate


def model_serializer(
    function=None, /, *, mode="plain", when_used="always", return_type=PydanticUndefined
):
    """A method that dumps the whole model."""
    if mode not in ("plain", "wrap"):
        raise PydanticUserError(f"a model serializer's mode is plain or wrap, not {mode!r}")

    def decorate(function):
        return Decorator(
            "model_serializer", function, mode=mode, when_used=when_used, return_type=return_type
        )

    return decorate if function is None else decorate(function)
