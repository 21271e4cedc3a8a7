"""The tree that a type becomes: each node validates, describes and dumps one kind of value.

This module has the base, the wrappers and the scalars without a format; _times.py,
_collections.py and _models.py have the rest, _build.py makes trees from hints.
"""

import decimal
import math
import re

from ._dump import dump_any
from ._failures import Invalid, quoted
from ._state import LAX, STRICT
from .errors import PydanticInvalidForJsonSchema

_Decimal = decimal.Decimal
_COMPARE = {
    "le": ("less_than_equal", lambda v, b: v <= b),
    "lt": ("less_than", lambda v, b: v < b),
    "ge": ("greater_than_equal", lambda v, b: v >= b),
    "gt": ("greater_than", lambda v, b: v > b),
}
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
                schema[NUMBER_KEYWORDS[name]] = float(bound) if isinstance(bound, _Decimal) else bound
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


def check_bounds(bounds, value, given):
    """Compare a number (or a date) with its bounds, in pydantic's order; the first one counts."""
    step = bounds.get("multiple_of")
    if step is not None:
        rest = value % step
        if type(rest) is float:
            slack = abs(value) / 1e9
            wrong = abs(rest) > slack and abs(rest - step) > slack
        else:
            wrong = rest != 0
        if wrong:
            raise Invalid("multiple_of", given, {"multiple_of": step})
    for name, (kind, holds) in _COMPARE.items():
        bound = bounds.get(name)
        if bound is not None and not holds(value, bound):
            raise Invalid(kind, given, {name: bound if isinstance(bound, (int, float, _Decimal)) else str(bound)})


class IntNode(Node):
    """int"""

    takes = ("gt", "ge", "lt", "le", "multiple_of")

    @property
    def name(self):
        return "constrained-int" if self.bounds else "int"

    def validate(self, value, st):
        made = value if type(value) is int else self._convert(value, st)
        if self.bounds:
            check_bounds(self.bounds, made, value)
        return made

    def _convert(self, value, st):
        if isinstance(value, int) and not isinstance(value, bool):
            st.floor(STRICT)
            return int(value)
        if self.is_strict(st):
            raise Invalid("int_type", value)
        st.floor(LAX)
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, float) or isinstance(value, _Decimal):
            if not math.isfinite(value):
                raise Invalid("finite_number", value)
            if value != int(value):
                raise Invalid("int_from_float", value)
            return int(value)
        if isinstance(value, (str, bytes)):
            return self._parse(value)
        try:
            number = value.__index__() if hasattr(value, "__index__") else float(value)
        except (TypeError, ValueError, OverflowError):
            raise Invalid("int_type", value) from None
        if number != int(number):
            raise Invalid("int_from_float", value)
        return int(number)

    def _parse(self, value):
        try:
            text = value.strip() if isinstance(value, str) else value.decode().strip()
            whole, point, zeros = text.partition(".")
            if point and (zeros.strip("0") or not whole):
                raise ValueError
            return int(whole)
        except ValueError:
            raise Invalid("int_parsing", value) from None

    def schema(self, gen):
        return self.numbers({"type": "integer"})

    def fits(self, value):
        return isinstance(value, int) and not isinstance(value, bool)


class FloatNode(Node):
    """float"""

    takes = ("gt", "ge", "lt", "le", "multiple_of", "allow_inf_nan")

    @property
    def name(self):
        return "constrained-float" if self.bounds else "float"

    def validate(self, value, st):
        made = value if type(value) is float else self._convert(value, st)
        if self.bounds:
            if self.bounds.get("allow_inf_nan") is False and not math.isfinite(made):
                raise Invalid("finite_number", value)
            check_bounds(self.bounds, made, value)
        return made

    def _convert(self, value, st):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            st.floor(STRICT)
            try:
                return float(value)
            except OverflowError:
                raise Invalid("float_type", value) from None
        if self.is_strict(st):
            raise Invalid("float_type", value)
        st.floor(LAX)
        try:
            if isinstance(value, (str, bytes)):
                return float(value if isinstance(value, str) else value.decode())
            if isinstance(value, (list, tuple, dict, set)) or value is None:
                raise TypeError
            return float(value)
        except ValueError:
            raise Invalid("float_parsing", value) from None
        except (TypeError, OverflowError):
            raise Invalid("float_type", value) from None

    def schema(self, gen):
        return self.numbers({"type": "number"})

    def fits(self, value):
        return isinstance(value, float)


class DecimalNode(Node):
    """decimal.Decimal"""

    takes = (*FloatNode.takes, "max_digits", "decimal_places")

    @property
    def name(self):
        return "decimal"

    def validate(self, value, st):
        made = self._convert(value, st)
        if not made.is_finite() and not self.bounds.get("allow_inf_nan"):
            raise Invalid("finite_number", value)
        if "max_digits" in self.bounds or "decimal_places" in self.bounds:
            self._check_digits(made, value)
        check_bounds(self.bounds, made, value)
        return made

    def _convert(self, value, st):
        if isinstance(value, _Decimal):
            return value
        if self.is_strict(st) and st.mode != "json":
            raise Invalid("is_instance_of", value, {"class": "Decimal"})
        st.floor(LAX)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise Invalid("decimal_type", value)
        try:
            return _Decimal(str(value) if isinstance(value, float) else value)
        except decimal.InvalidOperation:
            raise Invalid("decimal_parsing", value) from None

    def _check_digits(self, made, value):
        _, digits, exponent = made.as_tuple()
        places = max(0, -exponent)
        total = max(len(digits) + max(0, exponent), places)
        most, most_places = self.bounds.get("max_digits"), self.bounds.get("decimal_places")
        if most is not None and total > most:
            raise Invalid("decimal_max_digits", value, {"max_digits": most})
        if most_places is not None:
            if places > most_places:
                raise Invalid("decimal_max_places", value, {"decimal_places": most_places})
            if most is not None and total - places > most - most_places:
                raise Invalid("decimal_whole_digits", value, {"whole_digits": most - most_places})

    def schema(self, gen):
        if gen.mode == "serialization":
            return {"type": "string"}
        schema = self.numbers({"type": "number"})
        for keyword in NUMBER_KEYWORDS.values():
            if keyword in schema:
                schema[keyword] = float(schema[keyword])
        return {"anyOf": [schema, {"type": "string"}]}

    def fits(self, value):
        return isinstance(value, _Decimal)


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
        least, most, pattern = bounds.get("min_length"), bounds.get("max_length"), bounds.get("pattern")
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
        return choice_schema([getattr(v, "value", v) if hasattr(v, "_value_") else v for v in self.values])

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
        raise PydanticInvalidForJsonSchema(f"Cannot generate a JsonSchema for instances of {self.cls!r}")

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
