"""`BaseModel`."""

import copy
import functools
import sys
import types
import typing

from . import _hints
from ._dump import How, write_json
from ._failures import Invalid, ValidationError, read_json
from ._metaclass import ModelMetaclass, generate_alias
from ._models import ModelNode
from ._schema import Generator
from ._state import State
from .errors import PydanticUndefinedAnnotation, unsupported
from .fields import FieldInfo, PydanticUndefined

_set = object.__setattr__


class BaseModel(metaclass=ModelMetaclass):
    """A class whose annotations are validated fields."""

    __pydantic_base__ = True
    __slots__ = (
        "__dict__",
        "__pydantic_fields_set__",
        "__pydantic_extra__",
        "__pydantic_private__",
    )

    model_config: typing.ClassVar = {}
    __pydantic_fields__ = {}
    __pydantic_computed_fields__ = {}
    __private_attributes__ = {}
    __pydantic_root_model__ = False
    __pydantic_generic__ = None
    __pydantic_pending__ = None
    __class_vars__ = set()

    def __init__(self, /, **data):
        st = State()
        st.instance = self
        _run(type(self), data, st)

    # Construction.

    @classmethod
    def __pydantic_node__(cls):
        node = cls.__dict__.get("__pydantic_own_node__")
        if node is None:
            node = cls.__pydantic_own_node__ = ModelNode(cls)
        return node

    @classmethod
    def _complete(cls):
        """Resolve annotations that could not be resolved before."""
        pending = cls.__dict__.get("__pydantic_pending__")
        if not pending:
            return
        own, assigned, scope = pending
        names = {**(scope or {}), cls.__name__: cls}
        for parameter in getattr(cls, "__type_params__", ()):
            names[parameter.__name__] = parameter
        try:
            hints = _hints.resolve(own, cls.__module__, names)
        except NameError as error:
            raise PydanticUndefinedAnnotation(
                getattr(error, "name", None) or "",
                f"`{cls.__name__}` is not fully defined: there is no `{error.name or error}` (yet)",
            ) from None
        generator = cls.model_config.get("alias_generator")
        for name, hint in hints.items():
            if _hints.is_class_var(hint):
                if name in assigned:
                    type.__setattr__(cls, name, assigned[name])
                continue
            if typing.get_origin(hint) is typing.Final:
                if name in assigned:  # a constant of the class, as in pydantic
                    type.__setattr__(cls, name, assigned[name])
                    continue
                (hint,) = typing.get_args(hint)
            metadata = ()
            if typing.get_origin(hint) is typing.Annotated:
                hint, metadata = hint.__origin__, hint.__metadata__
            info = FieldInfo.merged(hint, metadata, assigned.get(name, PydanticUndefined))
            # A field taken over keeps its place.
            cls.__pydantic_fields__[name] = info
        if generator is not None:
            for name, info in cls.__pydantic_fields__.items():
                if info.alias_priority is None:
                    generate_alias(cls, name, info, generator)
        cls.__pydantic_pending__ = None

    @classmethod
    def _set_private(cls, instance):
        private = None
        if cls.__private_attributes__:
            private = {}
            for name, attribute in cls.__private_attributes__.items():
                default = attribute.get_default()
                if default is not PydanticUndefined:
                    private[name] = default
        _set(instance, "__pydantic_private__", private)

    @classmethod
    def model_validate(
        cls,
        obj,
        *,
        strict=None,
        extra=None,
        from_attributes=None,
        context=None,
        by_alias=None,
        by_name=None,
    ):
        """An instance from a dict (or an instance)."""
        _no_runtime(extra=extra, by_alias=by_alias, by_name=by_name)
        return _run(cls, obj, State(strict, "python", context, from_attributes))

    @classmethod
    def model_validate_json(
        cls, json_data, *, strict=None, extra=None, context=None, by_alias=None, by_name=None
    ):
        """An instance from JSON text."""
        _no_runtime(extra=extra, by_alias=by_alias, by_name=by_name)
        try:
            data = read_json(json_data)
        except Invalid as invalid:
            raise ValidationError(cls.__name__, invalid.lines, "json") from None
        return _run(cls, data, State(strict, "json", context))

    @classmethod
    def model_construct(cls, _fields_set=None, **values):
        """An instance without validation."""
        instance = cls.__new__(cls)
        attributes, given = {}, set()
        for name, info in cls.model_fields.items():
            alias = info.validation_alias
            if isinstance(alias, str) and alias in values:
                attributes[name] = values.pop(alias)
                given.add(name)
            elif name in values:
                attributes[name] = values.pop(name)
                given.add(name)
            elif not info.is_required():
                attributes[name] = info.get_default(
                    call_default_factory=True, validated_data=attributes
                )
        extra = values if cls.model_config.get("extra") == "allow" else None
        _set(instance, "__dict__", attributes)
        _set(instance, "__pydantic_fields_set__", given if _fields_set is None else _fields_set)
        _set(instance, "__pydantic_extra__", extra)
        cls._set_private(instance)
        if cls.model_post_init is not BaseModel.model_post_init:
            instance.model_post_init(None)
        return instance

    @classmethod
    def model_rebuild(
        cls, *, force=False, raise_errors=True, _parent_namespace_depth=2, _types_namespace=None
    ):
        """Look up names that were not defined when the class was."""
        if cls.__pydantic_pending__ is None and not force:
            return None
        if cls.__pydantic_pending__ is not None:
            own, assigned, scope = cls.__pydantic_pending__
            frame = sys._getframe(1)
            found = {
                **(scope or {}),
                **frame.f_globals,
                **frame.f_locals,
                **(_types_namespace or {}),
            }
            cls.__pydantic_pending__ = (own, assigned, found)
            try:
                cls._complete()
            except PydanticUndefinedAnnotation:
                if raise_errors:
                    raise
                return False
        cls.__pydantic_own_node__ = None
        return True

    @classmethod
    def model_json_schema(
        cls,
        by_alias=True,
        ref_template="#/$defs/{model}",
        schema_generator=None,
        mode="validation",
        *,
        union_format="any_of",
    ):
        """The JSON Schema."""
        if schema_generator is not None:
            raise unsupported("model_json_schema(schema_generator=...)")
        if union_format != "any_of":
            raise unsupported("model_json_schema(union_format=...)")
        return Generator(mode, by_alias, ref_template).document(cls.__pydantic_node__())

    @classmethod
    def model_parametrized_name(cls, params):
        """The name of a generic model with its arguments."""
        return f"{cls.__name__}[{', '.join(map(_shown, params))}]"

    def __class_getitem__(cls, arguments):
        if not isinstance(arguments, tuple):
            arguments = (arguments,)
        parameters = getattr(cls, "__parameters__", ())
        if not parameters:
            raise TypeError(f"{cls.__name__} is not generic: it takes no type arguments")
        if len(arguments) != len(parameters):
            raise TypeError(
                f"Too {'many' if len(arguments) > len(parameters) else 'few'} parameters for {cls}"
            )
        if tuple(arguments) == tuple(parameters):
            return cls
        cached = cls.__pydantic_cache__.get(arguments)
        if cached is None:
            name = cls.model_parametrized_name(arguments)
            namespace = {"__module__": cls.__module__, "__doc__": cls.__doc__, "__qualname__": name}
            cached = ModelMetaclass(name, (cls,), namespace, __pydantic_generic__=(cls, arguments))
            left = [
                p
                for x in arguments
                for p in (
                    [x] if isinstance(x, typing.TypeVar) else getattr(x, "__parameters__", ())
                )
            ]
            cached.__parameters__ = tuple(dict.fromkeys(left))
            cls.__pydantic_cache__[arguments] = cached
        return cached

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs):
        """Called for each subclass, once its fields are read; for subclasses."""

    def model_post_init(self, context, /):
        """Called after an instance is made; for subclasses."""

    # What it holds.

    @property
    def model_fields_set(self):
        """The names of the fields that were given."""
        return self.__pydantic_fields_set__

    @property
    def model_extra(self):
        """What no field took, where `extra` is "allow"."""
        return self.__pydantic_extra__

    def model_dump(
        self, *, mode="python", include=None, exclude=None, context=None, by_alias=None,
        exclude_unset=False, exclude_defaults=False, exclude_none=False,
        exclude_computed_fields=False, round_trip=False, warnings=True, fallback=None,
        serialize_as_any=False,
    ):  # fmt: skip
        """The fields as a dict."""
        if serialize_as_any or exclude_computed_fields:
            raise unsupported("model_dump(serialize_as_any= or exclude_computed_fields=)")
        how = How(
            mode, self._by_alias(by_alias), exclude_unset, exclude_defaults, exclude_none,
            round_trip, context, fallback,
        )  # fmt: skip
        return type(self).__pydantic_node__().dump(self, how, include, exclude)

    def model_dump_json(
        self, *, indent=None, ensure_ascii=False, include=None, exclude=None, context=None,
        by_alias=None, exclude_unset=False, exclude_defaults=False, exclude_none=False,
        exclude_computed_fields=False, round_trip=False, warnings=True, fallback=None,
        serialize_as_any=False,
    ):  # fmt: skip
        """The fields as JSON text."""
        if ensure_ascii or serialize_as_any or exclude_computed_fields:
            raise unsupported(
                "model_dump_json(ensure_ascii=, serialize_as_any= or exclude_computed_fields=)"
            )
        how = How(
            "json", self._by_alias(by_alias), exclude_unset, exclude_defaults, exclude_none,
            round_trip, context, fallback,
        )  # fmt: skip
        return write_json(type(self).__pydantic_node__().dump(self, how, include, exclude), indent)

    def _by_alias(self, given):
        return self.model_config.get("serialize_by_alias", False) if given is None else given

    def model_copy(self, *, update=None, deep=False):
        """A copy, with some fields replaced without validation."""
        made = self.__deepcopy__() if deep else self.__copy__()
        if update:
            for name, value in update.items():
                if name in type(self).model_fields or made.__pydantic_extra__ is None:
                    made.__dict__[name] = value
                else:
                    made.__pydantic_extra__[name] = value
            made.__pydantic_fields_set__.update(update)
        return made

    def __copy__(self):
        return self._copied(lambda value: None if value is None else copy.copy(value))

    def __deepcopy__(self, memo=None):
        return self._copied(lambda value: copy.deepcopy(value, memo))

    def _copied(self, copied):
        made = type(self).__new__(type(self))
        _set(made, "__dict__", copied(self.__dict__))
        _set(made, "__pydantic_fields_set__", set(self.__pydantic_fields_set__))
        _set(made, "__pydantic_extra__", copied(self.__pydantic_extra__))
        _set(made, "__pydantic_private__", copied(self.__pydantic_private__))
        return made

    def __getstate__(self):
        return tuple(
            getattr(self, name)
            for name in (
                "__dict__",
                "__pydantic_fields_set__",
                "__pydantic_extra__",
                "__pydantic_private__",
            )
        )

    def __setstate__(self, state):
        names = (
            "__dict__",
            "__pydantic_fields_set__",
            "__pydantic_extra__",
            "__pydantic_private__",
        )
        for name, value in zip(names, state):
            _set(self, name, value)

    def __setattr__(self, name, value):
        cls = type(self)
        if name in cls.__private_attributes__:
            if self.__pydantic_private__ is None:
                _set(self, "__pydantic_private__", {})
            self.__pydantic_private__[name] = value
            return
        if name.startswith("_") or isinstance(getattr(cls, name, None), property):
            _set(self, name, value)
            return
        info = cls.model_fields.get(name)
        frozen = "frozen_instance" if cls.model_config.get("frozen") else None
        if info is not None and info.frozen:
            frozen = frozen or "frozen_field"
        if frozen:
            raise ValidationError(cls.__name__, Invalid(frozen, value).under(name))
        if info is None:
            self._set_other(name, value)
        elif cls.model_config.get("validate_assignment"):
            self._assign(name, value)
        else:
            self.__dict__[name] = value
            self.__pydantic_fields_set__.add(name)

    def _set_other(self, name, value):
        cls = type(self)
        if isinstance(getattr(cls, name, None), functools.cached_property):
            self.__dict__[name] = value
        elif cls.model_config.get("extra") == "allow":
            self.__pydantic_extra__[name] = value
        elif cls.model_config.get("validate_assignment"):
            ctx = {"attribute": name}
            raise ValidationError(
                cls.__name__, Invalid("no_such_attribute", value, ctx).under(name)
            )
        else:
            raise ValueError(f'"{cls.__name__}" object has no field "{name}"')

    def _assign(self, name, value):
        """Validate one field's new value, and the model with it."""
        cls = type(self)
        node = cls.__pydantic_node__()
        st = State()
        before = dict(self.__dict__)
        st.data = {k: v for k, v in before.items() if k != name}
        st.field_name, st.config = name, cls.model_config
        try:
            made = node.spec(name).node.validate(value, st)
        except Invalid as invalid:
            raise ValidationError(cls.__name__, invalid.under(name)) from None
        self.__dict__[name] = made
        given = set(self.__pydantic_fields_set__)
        self.__pydantic_fields_set__.add(name)
        try:
            if node._outer:
                from ._decorators import _outer

                run = lambda value: value  # noqa: E731
                for decorator in node._outer:
                    run = _outer(decorator, cls, State(), run)
                run(self)
        except Invalid as invalid:
            _set(self, "__dict__", before)
            _set(self, "__pydantic_fields_set__", given)
            raise ValidationError(cls.__name__, invalid.lines) from None

    def __getattr__(self, name):
        # Only for what is not found in the usual ways.
        for slot in ("__pydantic_private__", "__pydantic_extra__"):
            try:
                held = object.__getattribute__(self, slot)
            except AttributeError:
                continue
            if held and name in held:
                return held[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name):
        if self.model_config.get("frozen"):
            raise ValidationError(type(self).__name__, Invalid("frozen_instance", None).under(name))
        for held in (self.__pydantic_private__, self.__pydantic_extra__):
            if held and name in held:
                del held[name]
                return
        object.__delattr__(self, name)

    def __eq__(self, other):
        if not isinstance(other, BaseModel):
            return NotImplemented
        if self is other:
            return True
        mine, theirs = type(self), type(other)
        if (mine.__pydantic_generic__ or (mine,))[0] is not (
            theirs.__pydantic_generic__ or (theirs,)
        )[0]:
            return False
        names = mine.__pydantic_fields__
        pick = lambda held: {k: held.get(k) for k in names}  # noqa: E731
        return (
            pick(self.__dict__) == pick(other.__dict__)
            and self.__pydantic_private__ == other.__pydantic_private__
            and self.__pydantic_extra__ == other.__pydantic_extra__
        )

    def __iter__(self):
        yield from [(k, v) for k, v in self.__dict__.items() if not k.startswith("_")]
        yield from (self.__pydantic_extra__ or {}).items()

    def __repr_args__(self):
        """What `repr` shows, as pairs."""
        cls = type(self)
        for name, info in cls.model_fields.items():
            if info.repr and name in self.__dict__:
                yield name, self.__dict__[name]
        yield from (self.__pydantic_extra__ or {}).items()
        for name, info in cls.__pydantic_computed_fields__.items():
            if info.repr:
                yield name, getattr(self, name)

    def __repr__(self):
        inner = ", ".join(f"{name}={value!r}" for name, value in self.__repr_args__())
        return f"{type(self).__name__}({inner})"

    def __str__(self):
        return " ".join(f"{name}={value!r}" for name, value in self.__repr_args__())

    # The names of pydantic 1 that pydantic 2 keeps.

    def dict(self, **arguments):
        """As `model_dump`."""
        return self.model_dump(**arguments)

    def json(self, **arguments):
        """As `model_dump_json`."""
        return self.model_dump_json(**arguments)

    @classmethod
    def parse_obj(cls, obj):
        """As `model_validate`."""
        return cls.model_validate(obj)

    @classmethod
    def parse_raw(cls, text):
        """As `model_validate_json`."""
        return cls.model_validate_json(text)

    def copy(self, *, update=None, deep=False):
        """As `model_copy`."""
        return self.model_copy(update=update, deep=deep)

    @classmethod
    def schema(cls, by_alias=True):
        """As `model_json_schema`."""
        return cls.model_json_schema(by_alias)

    @classmethod
    def construct(cls, **values):
        """As `model_construct`."""
        return cls.model_construct(**values)


def _run(cls, data, st):
    try:
        return cls.__pydantic_node__().validate(data, st)
    except Invalid as invalid:
        title = cls.model_config.get("title") or cls.__name__
        raise ValidationError(title, invalid.lines, st.mode) from None


def _shown(hint):
    """A type as a generic model's name shows it."""
    arguments = typing.get_args(hint)
    if arguments and not isinstance(hint, ModelMetaclass):
        origin = typing.get_origin(hint)
        name = "Union" if origin is types.UnionType else getattr(origin, "__name__", str(origin))
        return f"{name}[{', '.join(map(_shown, arguments))}]".replace("typing.", "")
    return getattr(hint, "__name__", str(hint))


def _no_runtime(**given):
    for name, value in given.items():
        if value is not None:
            raise unsupported(f"model_validate({name}=...)")
