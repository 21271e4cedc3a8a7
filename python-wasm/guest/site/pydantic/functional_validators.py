"""Validator decorators and the validators that `Annotated` carries."""

from ._state import FieldValidationInfo, ValidationInfo
from .errors import PydanticUserError

__all__ = (
    "AfterValidator", "BeforeValidator", "PlainValidator", "WrapValidator", "InstanceOf",
    "SkipValidation", "ValidationInfo", "FieldValidationInfo", "ValidatorFunctionWrapHandler",
    "ModelWrapValidatorHandler", "field_validator", "model_validator",
)  # fmt: skip


class _Function:
    """A validator function as metadata."""

    __slots__ = ("func",)
    mode = None

    def __init__(self, func):
        self.func = func

    def __repr__(self):
        return f"{type(self).__name__}(func={self.func!r})"

    def __eq__(self, other):
        return type(self) is type(other) and self.func == other.func

    def __hash__(self):
        return hash((type(self), self.func))


class AfterValidator(_Function):
    """A function of the validated value."""

    __slots__ = ()
    mode = "after"


class BeforeValidator(_Function):
    """A function of the value before validation."""

    __slots__ = ("json_schema_input_type",)
    mode = "before"

    def __init__(self, func, json_schema_input_type=None):
        super().__init__(func)
        self.json_schema_input_type = json_schema_input_type


class PlainValidator(BeforeValidator):
    """A function instead of validation."""

    __slots__ = ()
    mode = "plain"


class WrapValidator(BeforeValidator):
    """A function around validation."""

    __slots__ = ()
    mode = "wrap"


class SkipValidation:
    """`SkipValidation[X]`: any value, unchecked."""

    def __class_getitem__(cls, item):
        from typing import Annotated

        return Annotated[item, SkipValidation()]


class InstanceOf:
    """`InstanceOf[X]`: an instance of X, unconverted."""

    def __class_getitem__(cls, item):
        from typing import Annotated

        return Annotated[item, InstanceOf()]


ValidatorFunctionWrapHandler = ModelWrapValidatorHandler = object


class Decorator:
    """A decorated method, until the metaclass takes it up; `kind` says what decorated it."""

    def __init__(self, kind, function, fields=(), **settings):
        self.kind, self.function, self.fields, self.settings = kind, function, fields, settings

    def __get__(self, instance, owner=None):
        return self.function.__get__(instance, owner)

    def bound(self, cls):
        """The function as called for a class."""
        return self.function.__get__(None, cls)


def _fields(name, fields):
    if not fields or callable(fields[0]):
        raise PydanticUserError(f"`@{name}` needs the names of fields: `@{name}('a', 'b')`")
    if not all(isinstance(field, str) for field in fields):
        raise PydanticUserError(f"`@{name}` fields should be passed as separate string args")
    return fields


def field_validator(*fields, mode="after", check_fields=None, json_schema_input_type=None):
    """A class method that validates fields; `"*"` means all."""
    fields = _fields("field_validator", fields)
    if mode not in ("before", "after", "wrap", "plain"):
        raise PydanticUserError(f"a validator's mode is before, after, wrap or plain, not {mode!r}")

    def decorate(function):
        if not isinstance(function, (classmethod, staticmethod)):
            # A plain function gets the class first, as in pydantic.
            function = classmethod(function)
        return Decorator("field_validator", function, fields, mode=mode, check_fields=check_fields)

    return decorate


def model_validator(*, mode):
    """A method that validates the whole model."""
    if mode not in ("before", "after", "wrap"):
        raise PydanticUserError(f"a model validator's mode is before, after or wrap, not {mode!r}")

    def decorate(function):
        if mode != "after" and not isinstance(function, (classmethod, staticmethod)):
            function = classmethod(function)
        return Decorator("model_validator", function, mode=mode)

    return decorate
