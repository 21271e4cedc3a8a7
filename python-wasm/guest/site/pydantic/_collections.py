"""Nodes of arrays and mappings."""

import collections
import collections.abc as abc

from ._dump import json_key, nested
from ._failures import Invalid
from ._nodes import Node, Wrapper
from ._state import LAX

_LENGTHS = ("min_length", "max_length")
_VIEWS = (type({}.keys()), type({}.values()), type({}.items()))
_TEXTS = (str, bytes, bytearray)


def check_length(bounds, count, given, field_type, known=True):
    """Compare a length with its bounds."""
    least, most = bounds.get("min_length"), bounds.get("max_length")
    if most is not None and count > most:
        actual = count if known else None
        raise Invalid(
            "too_long",
            given,
            {"field_type": field_type, "max_length": most, "actual_length": actual},
        )
    if least is not None and count < least:
        raise Invalid(
            "too_short",
            given,
            {"field_type": field_type, "min_length": least, "actual_length": count},
        )


def _items(values, item, st):
    """Validate items one by one, to report all that are wrong."""
    made, lines = [], []
    for i, value in enumerate(values):
        try:
            made.append(item.validate(value, st))
        except Invalid as invalid:
            lines += invalid.under(i)
    if lines:
        raise Invalid.of(lines)
    return made


class ArrayNode(Node):
    """list, set, frozenset, deque, tuple[X, ...] and the abstract sequences.

    `made` is the type that comes out; `error` the type of the error for what is no array.
    """

    takes = (*_LENGTHS, "fail_fast")
    unique = False

    def __init__(self, item, made, error, field_type, named):
        super().__init__()
        self.item, self.made, self.error = item, made, error
        self.field_type, self.named = field_type, named
        self.unique = made in (set, frozenset)

    @property
    def name(self):
        if self.named == "tuple":
            return f"tuple[{self.item.name}, ...]"
        return f"{self.named}[{self.item.name}]"

    def validate(self, value, st):
        if not isinstance(value, self.made):
            if self.is_strict(st) and not (st.mode == "json" and isinstance(value, list)):
                raise Invalid(self.error, value)
            if isinstance(value, _TEXTS) or isinstance(value, (dict, abc.Mapping)):
                raise Invalid(self.error, value)
            arrays = (list, tuple, set, frozenset, collections.deque, abc.Iterator, range, *_VIEWS)
            if not isinstance(value, (*arrays, abc.Sequence, abc.Set)) and not (
                hasattr(value, "__array__") and hasattr(value, "__iter__")
            ):
                raise Invalid(self.error, value)
            if st.mode != "json":
                st.floor(LAX)
        values = value if isinstance(value, (list, tuple, set, frozenset)) else list(value)
        most = self.bounds.get("max_length")
        if most is not None and not self.unique and len(values) > most:
            check_length(self.bounds, len(values), value, self.field_type)
        made = _items(values, self.item, st)
        if self.unique:
            made = self._unique(made)
        elif self.made is not list:
            made = self.made(made)
        if self.bounds:
            check_length(self.bounds, len(made), value, self.field_type, known=not self.unique)
        return made

    def _unique(self, values):
        lines = []
        for i, value in enumerate(values):
            try:
                hash(value)
            except TypeError:
                lines += Invalid("set_item_not_hashable", value).under(i)
        if lines:
            raise Invalid.of(lines)
        return self.made(values)

    def schema(self, gen):
        schema = {"type": "array", "items": self.item.schema(gen)}
        if self.unique:
            schema["uniqueItems"] = True
        return array_bounds(self, schema)

    def dump(self, value, how, include=None, exclude=None):
        if not isinstance(value, abc.Iterable):
            return super().dump(value, how, include, exclude)
        made = []
        for i, item in enumerate(value):
            keep, inner_in, inner_ex = nested(include, exclude, i)
            if keep:
                made.append(self.item.dump(item, how, inner_in, inner_ex))
        if how.json or isinstance(value, list):
            return made
        if isinstance(value, (tuple, set, frozenset, collections.deque)):
            return type(value)(made) if not hasattr(value, "_fields") else made
        return made

    def fits(self, value):
        return isinstance(value, self.made) and all(self.item.fits(x) for x in value)


def array_bounds(node, schema):
    """A schema with a node's bounds on the number of items."""
    for name, keyword in (("min_length", "minItems"), ("max_length", "maxItems")):
        if node.bounds.get(name) is not None:
            schema[keyword] = node.bounds[name]
    return schema


class SequenceNode(ArrayNode):
    """typing.Sequence: keeps a list a list and a tuple a tuple."""

    def __init__(self, item, cls=abc.Sequence):
        super().__init__(item, list, "is_instance_of", "List", "Sequence")
        self.cls = cls

    def validate(self, value, st):
        if isinstance(value, _TEXTS):
            raise Invalid("sequence_str", value, {"type_name": type(value).__name__})
        if not isinstance(value, abc.Sequence):
            raise Invalid("is_instance_of", value, {"class": "Sequence"})
        made = _items(value, self.item, st)
        if self.bounds:
            check_length(self.bounds, len(made), value, "List")
        if isinstance(value, tuple) and not hasattr(value, "_fields"):
            return tuple(made)
        return collections.deque(made) if isinstance(value, collections.deque) else made

    def fits(self, value):
        return isinstance(value, abc.Sequence) and not isinstance(value, str)


class IterableNode(ArrayNode):
    """typing.Iterable: validated at once into a list, where pydantic does so lazily."""

    def __init__(self, item):
        super().__init__(item, list, "iterable_type", "Generator", "generator")

    def validate(self, value, st):
        if isinstance(value, _TEXTS) or not isinstance(value, abc.Iterable):
            raise Invalid("iterable_type", value)
        return _items(list(value), self.item, st)


class TupleNode(Node):
    """tuple[A, B]"""

    takes = _LENGTHS

    def __init__(self, items):
        super().__init__()
        self.items = items

    @property
    def name(self):
        return f"tuple[{', '.join(x.name for x in self.items)}]"

    def validate(self, value, st):
        if not isinstance(value, tuple):
            if self.is_strict(st) and not (st.mode == "json" and isinstance(value, list)):
                raise Invalid("tuple_type", value)
            arrays = (list, set, frozenset, collections.deque, abc.Iterator, range, *_VIEWS)
            if not isinstance(value, arrays):
                raise Invalid("tuple_type", value)
            if st.mode != "json":
                st.floor(LAX)
        values, count = list(value), len(self.items)
        lines, made = [], []
        for i, item in enumerate(self.items):
            if i >= len(values):
                lines += Invalid("missing", value).under(i)
                continue
            try:
                made.append(item.validate(values[i], st))
            except Invalid as invalid:
                lines += invalid.under(i)
        if len(values) > count:
            check_length({"max_length": count}, len(values), value, "Tuple")
        if lines:
            raise Invalid.of(lines)
        return tuple(made)

    def schema(self, gen):
        count = len(self.items)
        schema = {"type": "array", "minItems": count, "maxItems": count}
        if count:
            schema["prefixItems"] = [x.schema(gen) for x in self.items]
        return schema

    def dump(self, value, how, include=None, exclude=None):
        if not isinstance(value, (tuple, list)) or len(value) != len(self.items):
            return super().dump(value, how, include, exclude)
        made = [item.dump(x, how) for item, x in zip(self.items, value)]
        return made if how.json else tuple(made)

    def fits(self, value):
        return (
            isinstance(value, tuple)
            and len(value) == len(self.items)
            and all(item.fits(x) for item, x in zip(self.items, value))
        )


class DictNode(Node):
    """dict, Mapping, OrderedDict, defaultdict, Counter."""

    takes = (*_LENGTHS, "fail_fast")

    def __init__(self, key, item, made=None):
        super().__init__()
        self.key, self.item, self.made = key, item, made

    @property
    def name(self):
        return f"dict[{self.key.name},{self.item.name}]"

    def validate(self, value, st):
        if not isinstance(value, dict):
            if self.is_strict(st) or not isinstance(value, abc.Mapping):
                raise Invalid("dict_type", value)
            st.floor(LAX)
        made, lines = {}, []
        for key, item in value.items():
            try:
                new_key = self.key.validate(key, st)
            except Invalid as invalid:
                lines += invalid.under("[key]", key)
                new_key = None
            try:
                new_item = self.item.validate(item, st)
            except Invalid as invalid:
                lines += invalid.under(key)
                continue
            made[new_key] = new_item
        if lines:
            raise Invalid.of(lines)
        if self.bounds:
            check_length(self.bounds, len(made), value, "Dictionary", known=False)
        return made if self.made is None else self.made(made)

    def schema(self, gen):
        inner = self.item.schema(gen)
        schema = {"type": "object", "additionalProperties": inner or True}
        keys = self.key.schema(gen)
        keys.pop("title", None)
        if "pattern" in keys and set(keys) == {"type", "pattern"}:
            schema["patternProperties"] = {keys["pattern"]: schema.pop("additionalProperties")}
        elif keys.get("type") == "string" and len(keys) > 1 or "$ref" in keys:
            schema["propertyNames"] = keys
        for name, keyword in (("min_length", "minProperties"), ("max_length", "maxProperties")):
            if self.bounds.get(name) is not None:
                schema[keyword] = self.bounds[name]
        return schema

    def dump(self, value, how, include=None, exclude=None):
        if not isinstance(value, abc.Mapping):
            return super().dump(value, how, include, exclude)
        made = {}
        for key, item in value.items():
            keep, inner_in, inner_ex = nested(include, exclude, key)
            if keep:
                name = json_key(key) if how.json else self.key.dump(key, how)
                made[name] = self.item.dump(item, how, inner_in, inner_ex)
        return made

    def fits(self, value):
        return isinstance(value, abc.Mapping)


class LateNode(Wrapper):
    """A node that is built at its first use: what contains itself, and recursive aliases."""

    def __init__(self, build, key=None, named=None):
        Node.__init__(self)
        self._build, self._inner = build, None
        self.key, self.named = key, named

    @property
    def inner(self):
        """The node built."""
        if self._inner is None:
            self._inner = self._build()
        return self._inner

    @property
    def name(self):
        return self.named or self.inner.name

    def schema(self, gen):
        if self.key is None:
            return self.inner.schema(gen)
        return gen.define(self.key, self.named, lambda: self.inner.schema(gen))
