"""`TypeAdapter`: validation, dumps and schemas of any type."""

import sys
import typing

from ._build import build
from ._dump import How, write_json
from ._failures import Invalid, ValidationError, read_json
from ._schema import Generator
from ._state import State
from .config import checked
from .errors import PydanticUserError, unsupported


class TypeAdapter:
    """What a model does, for a type that is none."""

    def __init__(self, type, *, config=None, _parent_depth=2, module=None):  # noqa: A002
        if isinstance(type, str):
            frame = sys._getframe(1)
            type = eval(type, frame.f_globals, frame.f_locals)  # noqa: S307 (a type's own name)
        if config is not None and hasattr(type, "model_config"):
            raise PydanticUserError("Cannot use `config` when the type is a BaseModel")
        self._type = type
        self._node = build(_resolved(type, sys._getframe(1)), checked(dict(config or {})))

    def validate_python(
        self, object, /, *, strict=None, extra=None, from_attributes=None, context=None,
        experimental_allow_partial=False, by_alias=None, by_name=None,
    ):  # fmt: skip
        """The value validated."""
        if (
            extra is not None
            or experimental_allow_partial
            or by_alias is not None
            or by_name is not None
        ):
            raise unsupported(
                "validate_python(extra=, experimental_allow_partial=, by_alias= or by_name=)"
            )
        return self._run(object, State(strict, "python", context, from_attributes))

    def validate_json(
        self, data, /, *, strict=None, extra=None, context=None, experimental_allow_partial=False,
        by_alias=None, by_name=None,
    ):  # fmt: skip
        """JSON text validated."""
        if (
            extra is not None
            or experimental_allow_partial
            or by_alias is not None
            or by_name is not None
        ):
            raise unsupported(
                "validate_json(extra=, experimental_allow_partial=, by_alias= or by_name=)"
            )
        try:
            value = read_json(data)
        except Invalid as invalid:
            raise ValidationError(self._title(), invalid.lines, "json") from None
        return self._run(value, State(strict, "json", context))

    def _run(self, value, st):
        try:
            return self._node.validate(value, st)
        except Invalid as invalid:
            raise ValidationError(self._title(), invalid.lines, st.mode) from None

    def _title(self):
        return getattr(getattr(self._node, "cls", None), "__name__", None) or self._node.name

    def dump_python(
        self, instance, /, *, mode="python", include=None, exclude=None, by_alias=None,
        exclude_unset=False, exclude_defaults=False, exclude_none=False, round_trip=False,
        warnings=True, fallback=None, context=None,
    ):  # fmt: skip
        """The value dumped."""
        how = How(
            mode,
            by_alias,
            exclude_unset,
            exclude_defaults,
            exclude_none,
            round_trip,
            context,
            fallback,
        )
        return self._node.dump(instance, how, include, exclude)

    def dump_json(self, instance, /, *, indent=None, **arguments):
        """The value as JSON, in bytes."""
        return write_json(self.dump_python(instance, mode="json", **arguments), indent).encode()

    def json_schema(
        self, *, by_alias=True, ref_template="#/$defs/{model}", union_format="any_of",
        schema_generator=None, mode="validation",
    ):  # fmt: skip
        """The JSON Schema."""
        if schema_generator is not None or union_format != "any_of":
            raise unsupported("json_schema(schema_generator= or union_format=)")
        return Generator(mode, by_alias, ref_template).document(self._node)

    def rebuild(self, **_):
        """Nothing to do: names are looked up at once."""

    def get_default_value(self, **_):
        """Not carried."""
        raise unsupported("TypeAdapter.get_default_value")

    def __repr__(self):
        return f"TypeAdapter({self._type!r})"


def _resolved(hint, frame):
    """A hint with the names in it looked up where the adapter is made."""
    text = "ForwardRef(" in repr(hint)
    if not text:
        return hint

    class probe:  # noqa: N801
        """Carries one annotation."""

    probe.__annotations__ = {"value": hint}
    return typing.get_type_hints(probe, frame.f_globals, frame.f_locals, include_extras=True)[
        "value"
    ]
