"""What a callable or a class says about its values: parameters, type hints, metadata.

Reads only; conversion is convert.py's, JSON Schema is schema.py's. Field and constraint
objects are recognised by their attributes, not by their class, so that the stand-in, the
real pydantic and annotated_types all serve.
"""

import sys
import types
import typing
from collections.abc import Mapping, MutableMapping

from .units import is_unit

EMPTY = type("EMPTY", (), {"__repr__": lambda self: "<empty>"})()

_VARARGS, _VARKEYWORDS = 0x04, 0x08
_NAMES = {t.__name__: t for t in (float, int, str, bool, dict, list, tuple, set, object)}
_DICTS = (dict, Mapping, MutableMapping)
_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
_WRAPPERS = tuple(
    getattr(typing, name)
    for name in ("Required", "NotRequired", "ReadOnly", "ClassVar", "Final")
    if hasattr(typing, name)
)
AliasType = getattr(typing, "TypeAliasType", ())


class HandlerError(Exception):
    """A handler whose signature and manifest do not go together; its author has to change one."""


class Unresolved:
    """A hint that names something that does not exist at run time."""

    __slots__ = ("text", "reason")

    def __init__(self, text, reason):
        self.text, self.reason = text, reason


class Parameter:
    """One parameter: its name, resolved hint and default (`EMPTY` where there is none)."""

    __slots__ = ("name", "hint", "default", "field", "positional")

    def __init__(self, name, hint, default, positional):
        self.name, self.hint, self.positional = name, hint, positional
        self.field = None
        # `x: float = Field(5, ge=0)`: the default is a field that carries the default.
        if default is not EMPTY and is_field(default):
            self.field = default
            default = field_default(default)
        self.default = default


class Signature:
    """The parameters that inputs can reach, by name."""

    __slots__ = ("parameters", "extra", "star", "returns")

    def __init__(self, parameters, extra, star, returns):
        self.parameters = parameters  # list[Parameter]
        self.extra = extra  # hint of **kwargs, or None where there is no **kwargs
        self.star = star  # name of *args, or None
        self.returns = returns


def signature(function, bound=False):
    """The signature of `function`; `bound` leaves its first parameter (`self`) out."""
    if type(function) is types.MethodType:
        function, bound = function.__func__, True
    if type(function) is not types.FunctionType or hasattr(function, "__wrapped__"):
        return _inspected(function, bound)
    hints = function_hints(function)
    code = function.__code__
    names, count = code.co_varnames, code.co_argcount
    keyword_only = count + code.co_kwonlyargcount
    defaults = function.__defaults__ or ()
    first_default = count - len(defaults)
    parameters = []
    for i in range(1 if bound else 0, keyword_only):
        name = names[i]
        if i >= count:
            default = (function.__kwdefaults__ or {}).get(name, EMPTY)
        else:
            default = defaults[i - first_default] if i >= first_default else EMPTY
        parameters.append(
            Parameter(name, hints.get(name, EMPTY), default, i < code.co_posonlyargcount)
        )
    star = extra = None
    if code.co_flags & _VARARGS:
        star = names[keyword_only]
    if code.co_flags & _VARKEYWORDS:
        extra = hints.get(names[keyword_only + (star is not None)], EMPTY)
    return Signature(parameters, extra, star, hints.get("return", EMPTY))


def takes_all(signature):
    """The only parameter of a function that takes the whole object of inputs, or None."""
    if len(signature.parameters) != 1 or signature.extra is not None:
        return None
    only = signature.parameters[0]
    if only.name == "inputs":
        return only
    base = unwrap(only.hint)[0]
    return only if base in _DICTS or typing.get_origin(base) in _DICTS else None


def _inspected(function, bound):
    """The slow way: decorated functions, partials, callable objects, classes."""
    import inspect

    inner = inspect.unwrap(function)
    if isinstance(inner, type):
        hints = constructor_hints(inner)
    elif isinstance(inner, types.FunctionType):
        hints = function_hints(inner)
    elif hasattr(inner, "func"):  # functools.partial
        hints = function_hints(inspect.unwrap(inner.func))
    else:
        hints = function_hints(getattr(type(inner), "__call__", inner))
    parameters, extra, star = [], None, None
    listed = list(inspect.signature(function).parameters.values())
    for parameter in listed[1:] if bound else listed:
        hint = hints.get(parameter.name, EMPTY)
        if parameter.kind is parameter.VAR_POSITIONAL:
            star = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = hint
        else:
            default = EMPTY if parameter.default is parameter.empty else parameter.default
            positional = parameter.kind is parameter.POSITIONAL_ONLY
            parameters.append(Parameter(parameter.name, hint, default, positional))
    return Signature(parameters, extra, star, hints.get("return", EMPTY))


def constructor(cls):
    """The signature of a class's constructor."""
    made = cls.__init__
    if type(made) is not types.FunctionType:
        return _inspected(cls, False)
    found = signature(made, bound=True)
    if hasattr(cls, "__dataclass_fields__"):
        # A generated __init__ loses the module whose names its hints use.
        hints = class_hints(cls)
        for parameter in found.parameters:
            parameter.hint = hints.get(parameter.name, parameter.hint)
    return found


def constructor_hints(cls):
    """Hints of a class's constructor parameters by name; its call returns the class."""
    made = cls.__init__ if type(cls.__init__) is types.FunctionType else cls.__new__
    hints = dict(function_hints(made)) if type(made) is types.FunctionType else {}
    hints.update(class_hints(cls))
    hints["return"] = cls
    return hints


def function_hints(function):
    """Resolved hints by parameter name, `return` included; nothing raises."""
    try:
        raw = function.__annotations__
    except AttributeError:
        return {}
    except Exception:  # 3.14 evaluates here, and a name may exist for type checkers only
        return _each(_forward(function), function)
    names = getattr(function, "__globals__", {})
    plain = {}
    for name, hint in raw.items():
        if type(hint) is str and hint not in names:
            hint = _NAMES.get(hint, hint)
        if type(hint) is not type:
            break
        plain[name] = hint
    else:
        return plain
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:
        return _each(raw, function)


def class_hints(cls):
    """Resolved hints of a class's attributes, its bases' included; nothing raises."""
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except Exception:
        pass
    hints = {}
    for base in reversed(cls.__mro__):
        try:
            raw = base.__dict__.get("__annotations__")
            if raw is None:
                raw = _forward(base)
        except Exception:
            raw = _forward(base)
        module = sys.modules.get(base.__module__)
        scope = {**vars(base), cls.__name__: cls}
        hints.update(_each(raw, base, getattr(module, "__dict__", {}), scope))
    return hints


def _forward(owner):
    """Annotations with what cannot be evaluated left as a forward reference (3.14)."""
    try:
        import annotationlib

        return annotationlib.get_annotations(owner, format=annotationlib.Format.FORWARDREF)
    except Exception:
        return {}


def _each(raw, owner, names=None, scope=None):
    """Resolve hints one by one, so that one bad name costs one hint."""
    if names is None:
        names = getattr(owner, "__globals__", {})
    hints = {}
    for name, hint in raw.items():

        def probe():
            """Carries one annotation."""

        probe.__annotations__ = {"value": hint}
        try:
            hints[name] = typing.get_type_hints(probe, names, scope, include_extras=True)["value"]
        except Exception as error:
            text = hint if isinstance(hint, str) else getattr(hint, "__forward_arg__", repr(hint))
            hints[name] = Unresolved(text, f"{type(error).__name__}: {error}")
    return hints


def unwrap(hint):
    """`(base, metadata)`: without Annotated, Required, Final, InitVar, NewType and aliases."""
    metadata = ()
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Annotated:
            metadata = hint.__metadata__ + metadata
            hint = hint.__origin__
        elif origin in _WRAPPERS:
            hint = typing.get_args(hint)[0]
        elif hint in _WRAPPERS:
            return typing.Any, metadata
        elif hasattr(hint, "__supertype__"):
            hint = hint.__supertype__
        elif type(hint).__name__ == "InitVar" and hasattr(hint, "type"):
            hint = hint.type
        elif type(hint) is typing.TypeVar:
            if hint.__bound__ is not None:
                hint = hint.__bound__
            else:
                hint = typing.Union[hint.__constraints__] if hint.__constraints__ else typing.Any
        else:
            return hint, metadata


def alias_value(hint):
    """What `type X = ...` (or `X[int]`) stands for; `EMPTY` for anything else."""
    if AliasType and isinstance(hint, AliasType):
        return hint.__value__
    origin = typing.get_origin(hint)
    if AliasType and isinstance(origin, AliasType):
        return origin.__value__[typing.get_args(hint)]
    return EMPTY


def is_union(origin):
    """Whether a hint's origin is `Union` or `|`."""
    return origin is typing.Union or origin is types.UnionType


def is_typed_dict(hint):
    """Whether a hint is a TypedDict class."""
    return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__required_keys__")


def is_named_tuple(hint):
    """Whether a hint is a NamedTuple class."""
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def is_model(hint):
    """Whether a hint is a pydantic model class."""
    return (
        isinstance(hint, type) and hasattr(hint, "model_validate") and hasattr(hint, "model_dump")
    )


def is_pydantic(hint):
    """Whether pydantic itself has to validate a class: a model or a pydantic dataclass."""
    return is_model(hint) or (isinstance(hint, type) and "__is_pydantic_dataclass__" in vars(hint))


def typed_dict_fields(cls):
    """`{key: (hint, required)}`; reads `Required[]` from the hints, for string annotations."""
    fields = {}
    for name, hint in class_hints(cls).items():
        required, origin = name in cls.__required_keys__, hint
        while True:
            wrapper = typing.get_origin(origin)
            if wrapper is typing.Required or wrapper is typing.NotRequired:
                required = wrapper is typing.Required
            if wrapper is typing.Annotated:
                origin = origin.__origin__
            elif wrapper in _WRAPPERS:
                origin = typing.get_args(origin)[0]
            else:
                break
        fields[name] = (hint, required)
    return fields


def is_field(value):
    """Whether a value is pydantic's FieldInfo (the real one's or the stand-in's)."""
    return type(value).__name__ == "FieldInfo" and hasattr(value, "metadata")


def field_default(field):
    """A field's default, made if it has a factory; `EMPTY` where it is required."""
    if field.default_factory is not None:
        return field.default_factory()
    default = field.default
    undefined = default is ... or type(default).__name__ == "PydanticUndefinedType"
    return EMPTY if undefined else default


class Metadata:
    """What `Annotated[...]` and `Field(...)` say about one value, in one form."""

    __slots__ = (
        "bounds", "predicates", "title", "description", "examples", "extra", "unit",
        "deprecated", "alias", "foreign",
    )  # fmt: skip

    def __init__(self, items=()):
        self.bounds = {}
        self.predicates = []
        self.title = self.description = self.examples = self.extra = self.unit = None
        self.deprecated = self.alias = None
        self.foreign = False  # something only pydantic understands
        for item in items:
            self._add(item)

    def _add(self, item):
        if isinstance(item, str):
            if is_unit(item):
                self.unit = item
            elif self.description is None:
                self.description = item
            return
        if is_field(item):
            for part in item.metadata:
                self._add(part)
            for name in ("title", "description", "examples", "deprecated", "alias"):
                given = getattr(item, name, None)
                if given is not None:
                    setattr(self, name, given)
            if getattr(item, "json_schema_extra", None) is not None:
                self.extra = item.json_schema_extra
            self.foreign = self.foreign or getattr(item, "discriminator", None) is not None
            return
        known = False
        for name in _BOUNDS:
            bound = getattr(item, name, None)
            if bound is not None:
                self.bounds[name] = bound
                known = True
        if known:
            return
        if getattr(item, "unit", None) is not None:
            self.unit = str(item.unit)
        elif isinstance(getattr(item, "documentation", None), str):
            self.description = item.documentation
        elif hasattr(item, "__is_annotated_types_grouped_metadata__"):
            for part in item:
                self._add(part)
        elif type(item).__name__ == "Predicate" and callable(getattr(item, "func", None)):
            self.predicates.append(item.func)
        elif type(item).__module__.partition(".")[0] == "pydantic" and (
            type(item).__name__ not in ("Strict", "AllowInfNan")
        ):
            self.foreign = True
