"""The metaclass of models: annotations and decorated methods become fields."""

import functools
import sys
import types
import typing

from . import _hints
from .config import checked
from .errors import PydanticUndefinedAnnotation, PydanticUserError, unsupported
from .fields import ComputedFieldInfo, FieldInfo, ModelPrivateAttr, PydanticUndefined
from .functional_validators import Decorator

_IGNORED = (
    types.FunctionType, property, classmethod, staticmethod, Decorator, ComputedFieldInfo,
    functools.cached_property, type, types.MethodType, functools.partialmethod,
)  # fmt: skip


class ModelMetaclass(type):
    """Reads a model class's annotations into its fields."""

    def __new__(mcs, name, bases, namespace, **settings):
        if not bases or namespace.get("__pydantic_base__"):
            return super().__new__(mcs, name, bases, namespace)
        generic = settings.pop("__pydantic_generic__", None)
        config = {}
        for base in reversed(bases):
            config.update(getattr(base, "model_config", {}))
        for extra in ("metaclass",):
            settings.pop(extra, None)
        if "Config" in namespace:
            raise unsupported("`class Config` of pydantic 1 (use model_config)")
        own = namespace.get("model_config", {})
        config.update(checked({**own, **settings}))
        namespace["model_config"] = config
        computed, private = {}, {}
        for base in reversed(bases):
            computed.update(getattr(base, "__pydantic_computed_fields__", {}))
            private.update(getattr(base, "__private_attributes__", {}))
        for key, value in list(namespace.items()):
            if isinstance(value, ComputedFieldInfo):
                computed[key] = value
                namespace[key] = value.wrapped_property
            elif isinstance(value, ModelPrivateAttr):
                if not key.startswith("_"):
                    raise NameError(f"Private attributes must not use valid field names: `{key}`")
                private[key] = value
                del namespace[key]
            elif isinstance(value, FieldInfo) and key.startswith("_"):
                raise NameError(f"Fields must not use names with leading underscores: `{key}`")
        cls = super().__new__(mcs, name, bases, namespace)
        cls.__pydantic_computed_fields__ = computed
        cls.__private_attributes__ = private
        cls.__pydantic_generic__ = generic
        cls.__pydantic_cache__ = {}
        cls.__pydantic_pending__ = None
        cls.__pydantic_own_node__ = None
        cls.__pydantic_decorated__ = None
        # What a model may name that is no global: the locals where it is defined.
        frame = sys._getframe(1)
        scope = None if frame.f_locals is frame.f_globals else dict(frame.f_locals)
        _read_annotations(cls, scope)
        if config.get("frozen") and "__hash__" not in namespace:
            cls.__hash__ = _hash_of_fields
        super(cls, cls).__pydantic_init_subclass__()
        return cls

    def __getattr__(cls, name):
        if name == "model_fields":
            cls._complete()
            return cls.__pydantic_fields__
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")

    @property
    def model_fields(cls):
        """The fields, by name."""
        cls._complete()
        return cls.__pydantic_fields__

    @property
    def model_computed_fields(cls):
        """The computed fields, by name."""
        return cls.__pydantic_computed_fields__

    @property
    def __signature__(cls):
        import inspect

        parameters = []
        for name, info in cls.model_fields.items():
            shown = info.validation_alias if isinstance(info.validation_alias, str) else name
            default = inspect.Parameter.empty if info.is_required() else info.get_default()
            parameters.append(
                inspect.Parameter(
                    shown if shown.isidentifier() else name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=default,
                    annotation=info.annotation,
                )  # fmt: skip
            )
        if cls.model_config.get("extra") == "allow":
            parameters.append(inspect.Parameter("extra_data", inspect.Parameter.VAR_KEYWORD))
        return inspect.Signature(parameters)


def _read_annotations(cls, scope):
    """Read a class's own annotations into fields, later where a name does not exist yet."""
    raw = _hints.own_annotations(cls)
    generic = cls.__pydantic_generic__
    fields = {}
    for base in reversed(cls.__mro__[1:]):
        if isinstance(base, ModelMetaclass):
            fields.update(base.__dict__.get("__pydantic_fields__", {}))
            if base.__dict__.get("__pydantic_pending__"):
                base._complete()
                fields.update(base.__pydantic_fields__)
        elif base is not object and base is not typing.Generic and "__annotations__" in vars(base):
            raw = {**_hints.own_annotations(base), **raw}
    if generic is not None:
        origin, arguments = generic
        mapping = dict(zip(origin.__parameters__, arguments))
        for name, info in origin.model_fields.items():
            fields[name] = info.copied(annotation=_hints.substitute(info.annotation, mapping))
    _check_bare(cls, raw, fields)
    cls.__pydantic_fields__ = fields
    own = {}
    for name, hint in raw.items():
        if name == "model_config" or _hints.is_class_var(hint) or name.startswith("__"):
            continue
        if name.startswith("_"):
            if name not in cls.__private_attributes__:
                default = vars(cls).get(name, PydanticUndefined)
                cls.__private_attributes__[name] = ModelPrivateAttr(default)
                if name in vars(cls):
                    delattr(cls, name)
            continue
        own[name] = hint
    assigned = {}
    for name in own:
        if name in vars(cls):
            assigned[name] = vars(cls)[name]
            delattr(cls, name)
    cls.__pydantic_pending__ = (own, assigned, scope)
    try:
        cls._complete()
    except PydanticUndefinedAnnotation:
        pass  # a name that is defined further down; looked up again at first use


def _check_bare(cls, raw, fields):
    """Refuse an attribute without an annotation, which is usually a forgotten one."""
    for name, value in vars(cls).items():
        if name in raw or name.startswith("_") or name == "model_config":
            continue
        if isinstance(value, _IGNORED) or isinstance(value, typing.TypeVar):
            continue
        if getattr(value, "__module__", "") == "typing" or hasattr(value, "__get__"):
            continue
        if name in fields:
            raise PydanticUserError(
                f"`{name}` is a field of a base class: give it a type here too"
            )
        raise PydanticUserError(
            f"`{name} = {value!r}` has no type: a field needs one, anything else is a ClassVar"
        )


def _hash_of_fields(self):
    return hash((type(self), *self.__dict__.values()))


def generate_alias(cls, name, info, generator):
    if not callable(generator):
        given = {
            "validation_alias": generator.validation_alias or generator.alias,
            "serialization_alias": generator.serialization_alias or generator.alias,
        }
        made = {k: f(name) for k, f in given.items() if f is not None}
    else:
        alias = generator(name)
        made = {"alias": alias}
    fields = {k: v for k, v in made.items() if info._given.get(k) is None}
    cls.__pydantic_fields__[name] = changed = info.copied(**fields)
    changed.alias_priority = 1
