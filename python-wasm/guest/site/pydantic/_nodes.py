"""The tree that a type becomes: each node validates, describes and dumps one kind of value.

This module has the base and the scalars without a format; _numbers.py, _times.py,
_collections.py, _wrappers.py, _records.py and _models.py have the rest, _build.py makes trees
from hints.
"""

import decimal
import re

from ._dump import dump_any
from ._failures import Invalid, quoted
from ._state import LAX, STRICT
from .errors import PydanticInvalidForJsonSchema

_Decimal = decimal.Decimal
NUMBER_KEYWORDS = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}  # fmt: skip


class Node:
    """A value of any kind; the base of all."""

    # Bounds that this node checks itself; others are checked after it.
    takes = ()
    # Whether the node belongs to a class, so that no use of it may change it.
    shared = False
    # Whether a model's field of this kind gets a title in JSON Schema.
    titled = True

    def __init__(self):
        self.strict = None
        self.bounds = {}

    @property
    def name(self):
        """How a union's errors call this node."""
        return "any"

    def validate(self, value, st):
        """The value converted. Raises `Invalid`."""
        st.floor(LAX)
        return value

    def schema(self, gen):
        """The JSON Schema."""
        return {}

    def dump(self, value, how, include=None, exclude=None):
        """The value as `model_dump` gives it."""
        return dump_any(value, how, include, exclude)

    def is_strict(self, st):
        """Whether to convert nothing."""
        return st.strict if self.strict is None else self.strict

    def fits(self, value):
        """Whether a value, already validated, may be one of this node's; for dumping."""
        return True

    def numbers(self, schema):
        """A schema with this node's bounds on a number."""
        for name, bound in self.bounds.items():
            if name in NUMBER_KEYWORDS:
                schema[NUMBER_KEYWORDS[name]] = (
                    float(bound) if isinstance(bound, _Decimal) else bound
                )
        return schema


class Wrapper(Node):
    """A node around another."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    @property
    def titled(self):
        """As the inner node."""
        return self.inner.titled

    @property
    def name(self):
        """As the inner node."""
        return self.inner.name

    def validate(self, value, st):
        """As the inner node."""
        return self.inner.validate(value, st)

    def schema(self, gen):
        """As the inner node."""
        return self.inner.schema(gen)

    def dump(self, value, how, include=None, exclude=None):
        """As the inner node."""
        return self.inner.dump(value, how, include, exclude)

    def fits(self, value):
        """As the inner node."""
        return self.inner.fits(value)


class BoolNode(Node):
    """bool"""

    _WORDS = {
        **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
        **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
    }

    @property
    def name(self):
        return "bool"

    def validate(self, value, st):
        if type(value) is bool:
            return value
        if self.is_strict(st):
            raise Invalid("bool_type", value)
        st.floor(LAX)
        if isinstance(value, (str, bytes)):
            text = value if isinstance(value, str) else value.decode(errors="replace")
            if text.lower() in self._WORDS:
                return self._WORDS[text.lower()]
            raise Invalid("bool_parsing", value)
        if isinstance(value, (int, float, _Decimal)):
            if value in (0, 1):
                return bool(value)
            raise Invalid("bool_parsing" if isinstance(value, int) else "bool_type", value)
        raise Invalid("bool_type", value)

    def schema(self, gen):
        return {"type": "boolean"}

    def fits(self, value):
        return isinstance(value, bool)


class StrNode(Node):
    """str"""

    takes = (
        "min_length", "max_length", "pattern", "strip_whitespace", "to_lower", "to_upper",
        "coerce_numbers_to_str", "ascii_only",
    )  # fmt: skip

    @property
    def name(self):
        return "constrained-str" if self.bounds else "str"

    def validate(self, value, st):
        made = value if type(value) is str else self._convert(value, st)
        return self._check(made, value) if self.bounds else made

    def _convert(self, value, st):
        if isinstance(value, str):
            st.floor(STRICT)
            return str(getattr(value, "value", value)) if hasattr(value, "_value_") else str(value)
        if self.is_strict(st):
            raise Invalid("string_type", value)
        st.floor(LAX)
        if isinstance(value, (bytes, bytearray)):
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise Invalid("string_unicode", value) from None
        if hasattr(value, "_value_") and isinstance(value._value_, str):
            return value._value_
        numbers = isinstance(value, (int, float, _Decimal)) and not isinstance(value, bool)
        if numbers and self.bounds.get("coerce_numbers_to_str"):
            return str(value)
        raise Invalid("string_type", value)

    def _check(self, made, value):
        bounds = self.bounds
        if bounds.get("strip_whitespace"):
            made = made.strip()
        least, most, pattern = (
            bounds.get("min_length"),
            bounds.get("max_length"),
            bounds.get("pattern"),
        )
        if least is not None and len(made) < least:
            raise Invalid("string_too_short", value, {"min_length": least})
        if most is not None and len(made) > most:
            raise Invalid("string_too_long", value, {"max_length": most})
        if pattern is not None and not re.search(pattern, made):
            text = getattr(pattern, "pattern", pattern)
            raise Invalid("string_pattern_mismatch", value, {"pattern": text})
        if bounds.get("to_lower"):
            made = made.lower()
        if bounds.get("to_upper"):
            made = made.upper()
        return made

    def schema(self, gen):
        schema = {"type": "string"}
        for name, keyword in (("min_length", "minLength"), ("max_length", "maxLength")):
            if self.bounds.get(name) is not None:
                schema[keyword] = self.bounds[name]
        if self.bounds.get("pattern") is not None:
            schema["pattern"] = getattr(self.bounds["pattern"], "pattern", self.bounds["pattern"])
        return schema

    def fits(self, value):
        return isinstance(value, str)


class BytesNode(Node):
    """bytes"""

    takes = ("min_length", "max_length")

    @property
    def name(self):
        return "constrained-bytes" if self.bounds else "bytes"

    def validate(self, value, st):
        if isinstance(value, bytes):
            made = value
        elif isinstance(value, str) and (st.mode == "json" or not self.is_strict(st)):
            st.floor(LAX)
            made = value.encode()
        elif isinstance(value, bytearray) and not self.is_strict(st):
            st.floor(LAX)
            made = bytes(value)
        else:
            raise Invalid("bytes_type", value)
        least, most = self.bounds.get("min_length"), self.bounds.get("max_length")
        if least is not None and len(made) < least:
            raise Invalid("bytes_too_short", value, {"min_length": least})
        if most is not None and len(made) > most:
            raise Invalid("bytes_too_long", value, {"max_length": most})
        return made

    def schema(self, gen):
        return {"type": "string", "format": "binary"}

    def fits(self, value):
        return isinstance(value, bytes)


class NoneNode(Node):
    """None"""

    @property
    def name(self):
        return "none"

    def validate(self, value, st):
        if value is not None:
            raise Invalid("none_required", value)

    def schema(self, gen):
        return {"type": "null"}

    def fits(self, value):
        return value is None


class LiteralNode(Node):
    """Literal[...]"""

    def __init__(self, values):
        super().__init__()
        self.values = values
        # Of equal values (1, True) the exact type is tried first.
        self.exact = {(type(v), v): v for v in values}
        self.equal = {}
        for v in values:
            self.equal.setdefault(v, v)

    @property
    def name(self):
        return f"literal[{','.join(repr(v) for v in self.values)}]"

    def validate(self, value, st):
        try:
            if (type(value), value) in self.exact:
                return self.exact[type(value), value]
            if value in self.equal and not self.is_strict(st):
                st.floor(LAX)
                return self.equal[value]
            if st.mode == "json":
                for v in self.values:
                    if hasattr(v, "_value_") and v._value_ == value:
                        return v
        except TypeError:
            pass
        raise Invalid("literal_error", value, {"expected": quoted(self.values)})

    def schema(self, gen):
        return choice_schema(
            [getattr(v, "value", v) if hasattr(v, "_value_") else v for v in self.values]
        )

    def fits(self, value):
        return value in self.values


def choice_schema(values, one_is_const=True):
    """The schema of a fixed choice."""
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    kinds = {names.get(type(v)) for v in values}
    schema = {"const": values[0]} if len(values) == 1 and one_is_const else {"enum": list(values)}
    if len(kinds) == 1 and None not in kinds:
        schema["type"] = kinds.pop()
    return schema


class EnumNode(Node):
    """An Enum class, by value."""

    titled = False

    def __init__(self, cls, use_values=False):
        super().__init__()
        self.cls, self.use_values = cls, use_values

    @property
    def name(self):
        return f"enum[{self.cls.__name__}]"

    def validate(self, value, st):
        made = self._member(value, st)
        return made.value if self.use_values else made

    def _member(self, value, st):
        if isinstance(value, self.cls):
            return value
        if self.is_strict(st) and st.mode != "json":
            raise Invalid("is_instance_of", value, {"class": self.cls.__name__})
        st.floor(LAX)
        try:
            return self.cls(value)
        except (ValueError, TypeError, KeyError):
            pass
        try:
            # A number's text, as for a number itself.
            if issubclass(self.cls, int) and isinstance(value, str):
                return self.cls(int(value))
            if issubclass(self.cls, float) and isinstance(value, str):
                return self.cls(float(value))
        except ValueError:
            pass
        raise Invalid("enum", value, {"expected": quoted([m.value for m in self.cls])})

    def schema(self, gen):
        def build():
            schema = choice_schema([m.value for m in self.cls], one_is_const=False)
            if len(schema["enum"]) == 1:
                schema["const"] = schema.pop("enum")[0]
                schema = {"enum": [schema.pop("const")], **schema}
            schema["title"] = self.cls.__name__
            text = vars(self.cls).get("__doc__")
            if text:
                import inspect

                schema["description"] = inspect.cleandoc(text)
            return schema

        return gen.define(self.cls, self.cls.__name__, build)

    def fits(self, value):
        return isinstance(value, self.cls)


class InstanceNode(Node):
    """An instance of a class that is only checked for."""

    def __init__(self, cls):
        super().__init__()
        self.cls = cls

    @property
    def name(self):
        return f"is-instance[{self.cls.__name__}]"

    def validate(self, value, st):
        if not isinstance(value, self.cls):
            raise Invalid("is_instance_of", value, {"class": self.cls.__name__})
        return value

    def schema(self, gen):
        raise PydanticInvalidForJsonSchema(
            f"Cannot generate a JsonSchema for instances of {self.cls!r}"
        )

    def fits(self, value):
        return isinstance(value, self.cls)


class CallableNode(Node):
    """Callable"""

    @property
    def name(self):
        return "callable"

    def validate(self, value, st):
        if not callable(value):
            raise Invalid("callable_type", value)
        return value

    def schema(self, gen):
        raise PydanticInvalidForJsonSchema("Cannot generate a JsonSchema for a callable")

    def fits(self, value):
        return callable(value)


class TypeNode(InstanceNode):
    """type"""

    def __init__(self):
        super().__init__(type)

    def validate(self, value, st):
        if not isinstance(value, type):
            raise Invalid("is_type", value)
        return value


class SubclassNode(Node):
    """type[X]"""

    def __init__(self, cls):
        super().__init__()
        self.cls = cls

    @property
    def name(self):
        return f"is-subclass[{self.cls.__name__}]"

    def validate(self, value, st):
        if not isinstance(value, type) or not issubclass(value, self.cls):
            raise Invalid("is_subclass_of", value, {"class": self.cls.__name__})
        return value

    def schema(self, gen):
        raise PydanticInvalidForJsonSchema(f"Cannot generate a JsonSchema for {self.name}")

    def fits(self, value):
        return isinstance(value, type)
