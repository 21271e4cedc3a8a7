"""Node trees from type hints."""

import collections
import collections.abc as abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import types
import typing
import uuid

from . import _nodes as n
from . import _numbers as numbers
from . import _times as t
from . import _wrappers as w
from ._collections import (
    ArrayNode, DictNode, IterableNode, LateNode, SequenceNode, TupleNode,
)  # fmt: skip
from ._dump import node_of
from .errors import PydanticSchemaGenerationError, PydanticUserError, unsupported
from .fields import FieldInfo, PydanticUndefined
from .functional_serializers import PlainSerializer, SerializeAsAny
from .functional_validators import InstanceOf, SkipValidation, _Function
from .json_schema import WithJsonSchema
from .types import Discriminator, FailFast, Json, Tag

_SCALARS = {
    int: numbers.IntNode,
    float: numbers.FloatNode,
    bool: n.BoolNode,
    str: n.StrNode,
    bytes: n.BytesNode,
    None: n.NoneNode,
    type(None): n.NoneNode,
    typing.Any: n.Node,
    object: n.Node,
    decimal.Decimal: numbers.DecimalNode,
    fractions.Fraction: t.FractionNode,
    complex: t.ComplexNode,
    datetime.datetime: t.DatetimeNode,
    datetime.date: t.DateNode,
    datetime.time: t.TimeNode,
    datetime.timedelta: t.TimedeltaNode,
    uuid.UUID: t.UuidNode,
    re.Pattern: t.PatternNode,
    abc.Callable: n.CallableNode,
}
_ARRAYS = {
    list: (list, "list_type", "List", "list"),
    set: (set, "set_type", "Set", "set"),
    frozenset: (frozenset, "frozen_set_type", "Frozenset", "frozenset"),
    collections.deque: (collections.deque, "deque_type", "List", "deque"),
    abc.MutableSequence: (list, "list_type", "List", "list"),
    abc.Set: (set, "set_type", "Set", "set"),
    abc.MutableSet: (set, "set_type", "Set", "set"),
}
_MAPPINGS = {
    dict: None,
    abc.Mapping: None,
    abc.MutableMapping: None,
    collections.OrderedDict: collections.OrderedDict,
}
_PATHS = tuple(vars(pathlib)[x] for x in pathlib.__all__ if isinstance(vars(pathlib)[x], type))
_WRAPPERS = tuple(
    getattr(typing, name)
    for name in ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
    if hasattr(typing, name)
)
_ALIAS = getattr(typing, "TypeAliasType", ())
_BOUNDS = (
    "gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "strict",
    "coerce_numbers_to_str", "allow_inf_nan", "max_digits", "decimal_places", "union_mode",
    "strip_whitespace", "to_lower", "to_upper", "tense", "zone", "uuid_version", "path_must",
)  # fmt: skip
_NODES_OF_CLASSES = {}  # a dataclass, TypedDict or NamedTuple -> its node


def build(hint, config=None):
    """The node of a type hint, under a model's config."""
    return Builder(config or {}).build(hint)


class Builder:
    """Builds nodes under one config."""

    def __init__(self, config):
        self.config = config
        self._aliases = {}

    def build(self, hint):
        """The node of one hint."""
        if typing.get_origin(hint) is typing.Annotated:
            return self.annotated(hint.__origin__, hint.__metadata__)
        node = self._node(hint)
        if node.strict is None and not node.shared and self.config.get("strict"):
            node.strict = True
        return node

    def annotated(self, hint, metadata):
        """The node of a hint with what `Annotated` says of it."""
        for item in metadata:
            discriminator = getattr(item, "discriminator", None)
            if discriminator is not None and isinstance(item, (FieldInfo, Discriminator)):
                inner = getattr(discriminator, "discriminator", discriminator)
                node = self._tagged(hint, inner)
                break
            if isinstance(item, SkipValidation):
                node = n.Node()
                break
            if isinstance(item, InstanceOf):
                node = n.InstanceNode(typing.get_origin(hint) or hint)
                break
        else:
            node = self.build(hint)
        return self.apply(node, metadata)

    def apply(self, node, metadata):
        """A node with metadata applied, in order."""
        for item in metadata:
            node = self._apply(node, item)
        return node

    def _apply(self, node, item):
        if isinstance(item, FieldInfo):
            node = self.apply(node, item.metadata)
            texts = ("title", "description", "examples", "deprecated", "json_schema_extra")
            if any(getattr(item, name) is not None for name in texts):
                node = w.DescribedNode(node, item)
            return node
        if isinstance(item, _Function):
            return w.FunctionNode(node, item.mode, item.func)
        if isinstance(item, PlainSerializer):
            return w.SerializerNode(
                node,
                item.mode,
                item.func,
                item.when_used,
                self.returned(item.func, item.return_type),
            )
        if isinstance(item, SerializeAsAny):
            return w.DuckNode(node)
        if isinstance(item, Json):
            return w.JsonNode(node)
        if isinstance(item, WithJsonSchema):
            return w.SchemaNode(node, item.json_schema, item.mode)
        if isinstance(item, (Discriminator, Tag, FailFast, SkipValidation, InstanceOf, str)):
            return node
        if type(item).__name__ == "Predicate" and callable(getattr(item, "func", None)):
            return w.PredicateNode(node, item.func)
        if type(item).__name__ == "Timezone" and hasattr(item, "tz"):
            if item.tz not in (None, ...):
                raise unsupported("a Timezone constraint that names a zone")
            return self._bound(node, "zone", item.tz is ...)
        if hasattr(item, "__get_pydantic_core_schema__") or hasattr(
            item, "__get_pydantic_json_schema__"
        ):
            raise unsupported(f"{type(item).__name__}, which works through core schemas,")
        for name in _BOUNDS:
            bound = getattr(item, name, None)
            if bound is not None:
                node = self._bound(node, name, bound)
        return node

    def _bound(self, node, name, bound):
        if name == "strict":
            if isinstance(node, w.NullableNode):
                node.inner = self._bound(node.inner, name, bound)
            elif isinstance(node, w.UnionNode) or (
                node.shared and not hasattr(node.cls, "model_fields")
            ):
                raise RuntimeError(
                    f"Unable to apply constraint 'strict' to schema of type '{node.name}'"
                )
            elif not node.shared:
                node.strict = bound
            return node
        if name == "union_mode":
            name, bound = "left_to_right", True
        if name == "path_must":
            return _path_check(node, bound)
        if name == "uuid_version":
            return w.FunctionNode(node, "after", _uuid_version(bound), False)
        if name in node.takes:
            if isinstance(node, numbers.FloatNode) and name in numbers.FloatNode.takes[:5]:
                bound = float(bound)
            if isinstance(node, numbers.DecimalNode) and name in numbers.FloatNode.takes[:5]:
                bound = decimal.Decimal(str(bound))
            node.bounds[name] = bound
            return node
        if isinstance(node, w.NullableNode) or (
            isinstance(node, w.FunctionNode) and node.mode == "before"
        ):
            node.inner = self._bound(node.inner, name, bound)
            return node
        if isinstance(node, (w.DescribedNode, w.SerializerNode)):
            node.inner = self._bound(node.inner, name, bound)
            return node
        if name in (*n.NUMBER_KEYWORDS, "min_length", "max_length"):
            return w.BoundsNode(node, name, bound)
        raise TypeError(f"Unable to apply constraint '{name}' to schema of type '{node.name}'")

    def returned(self, function, declared):
        """Builds the node of what a serializer returns, or None where it does not say."""
        if declared is PydanticUndefined:
            try:
                declared = typing.get_type_hints(function, include_extras=True).get(
                    "return", declared
                )
            except Exception:  # a hint for type checkers only
                return None
        if declared is PydanticUndefined:
            return None
        return lambda: self.build(declared)

    def _node(self, hint):
        try:
            scalar = _SCALARS.get(hint)
        except TypeError:
            scalar = None
        if scalar is not None:
            return self._scalar(scalar())
        own = node_of(hint) if isinstance(hint, type) else None
        if own is not None:
            return own
        if isinstance(hint, typing.ForwardRef) or isinstance(hint, str):
            text = getattr(hint, "__forward_arg__", hint)
            raise PydanticUserError(
                f"`{text}` is not fully defined", code="class-not-fully-defined"
            )
        if _ALIAS and (isinstance(hint, _ALIAS) or isinstance(typing.get_origin(hint), _ALIAS)):
            return self._alias(hint)
        if hasattr(hint, "__supertype__"):
            return self.build(hint.__supertype__)
        if isinstance(hint, typing.TypeVar):
            return self._type_var(hint)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if type(hint).__name__ == "InitVar":
            return self.build(hint.type)
        if origin in _WRAPPERS:
            return self.build(arguments[0])
        if hint in _WRAPPERS:
            return n.Node()
        if hint is getattr(typing, "LiteralString", None):
            return self._scalar(n.StrNode())
        if hint is typing.Hashable or hint is abc.Hashable:
            return n.InstanceNode(abc.Hashable)
        if origin is typing.Literal:
            return n.LiteralNode(list(_literals(hint)))
        if origin is typing.Union or origin is types.UnionType:
            return self._union(arguments)
        return self._of_class(hint, origin or hint, arguments)

    def _scalar(self, node):
        config = self.config
        if isinstance(node, n.StrNode):
            for setting, bound in (
                ("str_strip_whitespace", "strip_whitespace"), ("str_to_lower", "to_lower"),
                ("str_to_upper", "to_upper"), ("str_min_length", "min_length"),
                ("str_max_length", "max_length"), ("coerce_numbers_to_str",) * 2,
            ):  # fmt: skip
                if config.get(setting):
                    node.bounds[bound] = config[setting]
        elif isinstance(node, numbers.FloatNode) and "allow_inf_nan" in config:
            node.bounds["allow_inf_nan"] = config["allow_inf_nan"]
        return node

    def _alias(self, hint):
        if hint in self._aliases:
            return self._aliases[hint]
        origin = typing.get_origin(hint)
        value = (
            (lambda: hint.__value__)
            if origin is None
            else (lambda: origin.__value__[typing.get_args(hint)])
        )
        name = (origin or hint).__name__
        node = LateNode(lambda: self.build(value()), hint, name)
        self._aliases[hint] = node
        return node

    def _type_var(self, variable):
        default = getattr(variable, "__default__", None)
        if default is not None and default is not getattr(typing, "NoDefault", None):
            return self.build(default)
        if variable.__constraints__:
            return self._union(variable.__constraints__)
        return self.build(variable.__bound__) if variable.__bound__ is not None else n.Node()

    def _union(self, arguments):
        others = [x for x in arguments if x is not type(None) and x is not None]
        labels = [_tag(x) for x in others]
        if len(others) == 1:
            node = self.build(others[0])
        else:
            node = w.UnionNode([self.build(x) for x in others], labels)
        return w.NullableNode(node) if len(others) < len(arguments) else node

    def _tagged(self, hint, discriminator):
        if typing.get_origin(hint) not in (typing.Union, types.UnionType):
            alias = getattr(hint, "__value__", None)
            if alias is None:
                raise PydanticUserError("a discriminator needs a Union with more than one member")
            return self._tagged(alias, discriminator)
        members, nullable = {}, False
        for member in typing.get_args(hint):
            if member is type(None):
                nullable = True
                continue
            node = self.build(member)
            for tag in (
                [_tag(member)] if callable(discriminator) else _tags(node, member, discriminator)
            ):
                members[tag] = node
        node = w.TaggedNode(discriminator, members)
        return w.NullableNode(node) if nullable else node

    def _of_class(self, hint, origin, arguments):
        if origin is tuple:
            if not arguments and hint in (tuple, typing.Tuple):
                arguments = (typing.Any, ...)
            if len(arguments) == 2 and arguments[1] is ...:
                return ArrayNode(self.build(arguments[0]), tuple, "tuple_type", "Tuple", "tuple")
            return TupleNode([self.build(x) for x in arguments if x != ()])
        item = arguments[0] if arguments else typing.Any
        if origin in _ARRAYS:
            return ArrayNode(self.build(item), *_ARRAYS[origin])
        if origin in (abc.Sequence, abc.Collection, abc.Reversible, abc.Container):
            return SequenceNode(self.build(item))
        if origin in (abc.Iterable, abc.Generator, abc.Iterator):
            return IterableNode(self.build(item))
        if origin in _MAPPINGS:
            key, value = arguments or (typing.Any, typing.Any)
            return DictNode(self.build(key), self.build(value), _MAPPINGS[origin])
        if origin is collections.defaultdict:
            key, value = arguments or (typing.Any, typing.Any)
            factory = typing.get_origin(value) or value
            factory = factory if isinstance(factory, type) else None
            return DictNode(
                self.build(key), self.build(value), lambda x: collections.defaultdict(factory, x)
            )
        if origin is collections.Counter:
            return DictNode(self.build(item), numbers.IntNode(), collections.Counter)
        if origin is type:
            if arguments and isinstance(arguments[0], type) and arguments[0] is not object:
                return n.SubclassNode(arguments[0])
            return n.TypeNode()
        if origin in _SCALARS:
            return _SCALARS[origin]()
        if isinstance(origin, type):
            return self._own_class(hint, origin)
        raise PydanticSchemaGenerationError(f"{hint!r} is not a type that can be validated")

    def _own_class(self, hint, cls):
        if hasattr(cls, "__get_pydantic_core_schema__") or hasattr(cls, "__get_validators__"):
            raise unsupported(f"{cls.__name__}, which works through core schemas,")
        if cls is Json:
            return w.JsonNode(n.Node())
        if issubclass(cls, _PATHS):
            return t.PathNode(cls)
        if issubclass(cls, enum.Enum):
            return n.EnumNode(cls, self.config.get("use_enum_values", False))
        typed = issubclass(cls, dict) and hasattr(cls, "__required_keys__")
        named = issubclass(cls, tuple) and hasattr(cls, "_fields")
        if typed or named or dataclasses.is_dataclass(cls):
            from . import _records

            key = (hint, tuple(sorted(self.config))) if self.config else hint
            if key not in _NODES_OF_CLASSES:
                make = (
                    _records.TypedDictNode
                    if typed
                    else (_records.NamedTupleNode if named else _records.DataclassNode)
                )
                _NODES_OF_CLASSES[key] = make(cls, self.config, hint)
            return _NODES_OF_CLASSES[key]
        if self.config.get("arbitrary_types_allowed"):
            return n.InstanceNode(cls)
        if issubclass(cls, (int, float, str)) and cls.__module__ != "builtins":
            raise unsupported(f"{cls.__name__}, a subclass of a built-in type,")
        raise PydanticSchemaGenerationError(
            f"{cls!r} is not a type that can be validated; arbitrary_types_allowed=True in the "
            "model_config takes its instances as they are"
        )


def _literals(hint):
    for value in typing.get_args(hint):
        if typing.get_origin(value) is typing.Literal:
            yield from _literals(value)
        else:
            yield value


def _tag(member):
    """A member's own tag, from `Annotated[X, Tag("x")]`."""
    for item in getattr(member, "__metadata__", ()):
        if isinstance(item, Tag):
            return item.tag
    return None


def _tags(node, member, name):
    """The values of a member's tag field."""
    while isinstance(node, n.Wrapper):
        node = node.inner
    if isinstance(node, w.TaggedNode):
        return list(node.members)
    if isinstance(node, w.UnionNode):
        return [tag for inner in node.members for tag in _tags(inner, member, name)]
    spec = next((x for x in getattr(node, "specs", ()) if x.name == name), None)
    if spec is None:
        raise PydanticUserError(f"Model '{node.name}' needs a discriminator field for key '{name}'")
    inner = spec.node
    while isinstance(inner, n.Wrapper):
        inner = inner.inner
    if isinstance(inner, n.LiteralNode):
        return [getattr(value, "value", value) for value in inner.values]
    if isinstance(inner, n.EnumNode):
        return [value.value for value in inner.cls]
    raise PydanticUserError(f"Model '{node.name}' needs field '{name}' to be of type `Literal`")


def _path_check(node, must):
    def check(path):
        wrong = {
            "file": not path.is_file(),
            "dir": not path.is_dir(),
            "new": path.exists() or not path.parent.exists(),
        }[must]
        if wrong:
            what = {"file": "point to a file", "dir": "point to a directory", "new": "be new"}[must]
            raise ValueError(f"Path does not {what}")
        return path

    return w.FunctionNode(node, "after", check, False)


def _uuid_version(version):
    def check(value):
        if value.version != version:
            raise ValueError(f"UUID version {version} expected")
        return value

    return check
