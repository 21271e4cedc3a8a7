"""`Field`, `FieldInfo`, `PrivateAttr` and `computed_field`."""

import copy

import annotated_types

from ._dump import How, dump_any
from .errors import PydanticUserError, unsupported


class PydanticUndefinedType:
    """The type of `PydanticUndefined`: no value was given."""

    _only = None

    def __new__(cls):
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self):
        return "PydanticUndefined"

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return "PydanticUndefined"


PydanticUndefined = Undefined = PydanticUndefinedType()

_CONSTRAINTS = {
    "gt": annotated_types.Gt,
    "ge": annotated_types.Ge,
    "lt": annotated_types.Lt,
    "le": annotated_types.Le,
    "multiple_of": annotated_types.MultipleOf,
    "min_length": annotated_types.MinLen,
    "max_length": annotated_types.MaxLen,
}
# Constraints that annotated_types has no name for.
_GENERAL = (
    "pattern", "strict", "coerce_numbers_to_str", "allow_inf_nan", "max_digits",
    "decimal_places", "union_mode", "fail_fast",
)  # fmt: skip
_ATTRIBUTES = (
    "default", "default_factory", "alias", "validation_alias", "serialization_alias", "title",
    "description", "examples", "exclude", "discriminator", "deprecated", "json_schema_extra",
    "frozen", "validate_default", "repr", "init", "init_var", "kw_only",
)  # fmt: skip
_UNSUPPORTED = ("field_title_generator", "exclude_if")


class General:
    """A constraint without a class of its own, as attributes."""

    def __init__(self, **given):
        self.__dict__.update(given)

    def __repr__(self):
        inner = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"General({inner})"


class FieldInfo:
    """What a field is: its annotation, default, names, texts and constraints."""

    __slots__ = (*_ATTRIBUTES, "annotation", "metadata", "alias_priority", "_given")

    def __init__(self, **given):
        for name in _UNSUPPORTED:
            if given.pop(name, None) is not None:
                raise unsupported(f"Field({name}=...)")
        given = {k: v for k, v in given.items() if v is not PydanticUndefined}
        self.annotation = given.pop("annotation", None)
        self.alias_priority = given.pop("alias_priority", None)
        self.metadata = _metadata(given)
        for name in given:
            if name not in _ATTRIBUTES:
                raise unsupported(f"Field({name}=...)")
        if given.get("default") is ...:
            del given["default"]
        if "default" in given and given.get("default_factory") is not None:
            raise TypeError("cannot specify both default and default_factory")
        alias = given.get("alias")
        if alias is not None and not isinstance(alias, str):
            raise TypeError(f"`alias` must be a string, not {type(alias).__name__}")
        self._given = given
        self._fill()

    def _fill(self):
        given = self._given
        for name in _ATTRIBUTES:
            setattr(self, name, given.get(name))
        self.default = given.get("default", PydanticUndefined)
        self.repr = given.get("repr", True)
        alias = given.get("alias")
        if self.validation_alias is None:
            self.validation_alias = alias
        if self.serialization_alias is None:
            self.serialization_alias = alias
        if alias is not None and self.alias_priority is None:
            self.alias_priority = 2

    @classmethod
    def merged(cls, annotation, parts, default=PydanticUndefined):
        """A field from an annotation, what `Annotated` carries and an assigned value."""
        made = cls.__new__(cls)
        made.annotation, made.metadata, made.alias_priority = annotation, [], None
        made._given = {}
        if default is not PydanticUndefined:
            parts = [*parts, default if isinstance(default, FieldInfo) else cls(default=default)]
        for part in parts:
            if not isinstance(part, FieldInfo):
                made.metadata.append(part)
                continue
            made.metadata += part.metadata
            if "default" in part._given:
                made._given.pop("default_factory", None)
            if "default_factory" in part._given:
                made._given.pop("default", None)
            made._given.update(part._given)
        made._fill()
        return made

    def copied(self, **changes):
        """A copy, with other attributes."""
        made = FieldInfo.__new__(FieldInfo)
        made.annotation, made.metadata = self.annotation, list(self.metadata)
        made.alias_priority = self.alias_priority
        made._given = dict(self._given)
        for name, value in changes.items():
            if name in _ATTRIBUTES:
                made._given[name] = value
        made._fill()
        for name, value in changes.items():
            if name not in _ATTRIBUTES:
                setattr(made, name, value)
        return made

    def is_required(self):
        """Whether a value has to be given."""
        return self.default is PydanticUndefined and self.default_factory is None

    def get_default(self, *, call_default_factory=False, validated_data=None):
        """The default, copied where it could be changed."""
        if self.default_factory is None:
            default = self.default
            # Sharing a scalar or a tuple harms nobody; a list would be shared by all.
            return copy.deepcopy(default) if isinstance(default, (list, dict, set)) else default
        if not call_default_factory:
            return None
        if self.default_factory_takes_validated_data:
            return self.default_factory(validated_data or {})
        return self.default_factory()

    @property
    def default_factory_takes_validated_data(self):
        """Whether the factory wants the fields validated so far."""
        factory = self.default_factory
        code = getattr(factory, "__code__", None)
        if code is None:
            return False
        return code.co_argcount - len(factory.__defaults__ or ()) == 1

    def _described(self, schema):
        """A JSON Schema with the field's texts."""
        for name in ("title", "description", "examples"):
            value = getattr(self, name)
            if value is not None:
                schema[name] = (
                    [dump_any(x, How("json")) for x in value] if name == "examples" else value
                )
        if self.deprecated:
            schema["deprecated"] = True
        extra = self.json_schema_extra
        if callable(extra):
            extra(schema)
        elif extra:
            schema.update({k: dump_any(v, How("json")) for k, v in extra.items()})
        return schema

    def __repr__(self):
        annotation = getattr(self.annotation, "__name__", self.annotation)
        parts = [f"annotation={annotation}", f"required={self.is_required()}"]
        for name in _ATTRIBUTES:
            if name in self._given:
                parts.append(f"{name}={self._given[name]!r}")
        if self.metadata:
            parts.append(f"metadata={self.metadata!r}")
        return f"FieldInfo({', '.join(parts)})"


def _metadata(given):
    metadata = []
    for name, make in _CONSTRAINTS.items():
        value = given.pop(name, None)
        if value is not None:
            metadata.append(make(value))
    general = {}
    for name in _GENERAL:
        value = given.pop(name, None)
        if value is not None:
            general[name] = value
    if general.get("union_mode") == "smart":
        del general["union_mode"]
    if general:
        metadata.append(General(**general))
    return metadata


def Field(default=PydanticUndefined, **given):  # noqa: N802 (the name is pydantic's)
    """A field's default, constraints and texts, after an `=` or within `Annotated`."""
    return FieldInfo(default=default, **given)


class ModelPrivateAttr:
    """A private attribute's default."""

    __slots__ = ("default", "default_factory")

    def __init__(self, default=PydanticUndefined, *, default_factory=None):
        self.default, self.default_factory = default, default_factory

    def get_default(self):
        """The default, made or copied."""
        if self.default_factory is not None:
            return self.default_factory()
        return copy.deepcopy(self.default)


def PrivateAttr(default=PydanticUndefined, *, default_factory=None, init=False):  # noqa: N802
    """An attribute of each instance that is neither validated nor dumped."""
    if default is not PydanticUndefined and default_factory is not None:
        raise TypeError("cannot specify both default and default_factory")
    return ModelPrivateAttr(default, default_factory=default_factory)


class ComputedFieldInfo:
    """A property that dumps include."""

    __slots__ = (
        "wrapped_property", "return_type", "alias", "title", "description", "deprecated",
        "examples", "json_schema_extra", "repr",
    )  # fmt: skip

    def __init__(self, prop, given):
        self.wrapped_property = prop
        for name in self.__slots__[1:]:
            setattr(self, name, given.get(name))
        self.repr = given.get("repr", True)
        if self.description is None and getattr(prop, "__doc__", None):
            import inspect

            self.description = inspect.cleandoc(prop.__doc__)


def computed_field(function=None, /, **given):
    """Dump a property (or a method, which becomes one) as if it were a field."""
    import functools

    allowed = {*ComputedFieldInfo.__slots__[1:]}
    for name in given:
        if name not in allowed:
            raise unsupported(f"computed_field({name}=...)")

    def decorate(function):
        if not isinstance(function, (property, functools.cached_property)):
            if not callable(function):
                raise PydanticUserError("computed_field decorates a property or a method")
            function = property(function)
        return ComputedFieldInfo(function, given)

    return decorate if function is None else decorate(function)
