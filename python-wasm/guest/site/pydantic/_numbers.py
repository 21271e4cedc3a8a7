"""Nodes of numbers: int, float, Decimal."""

import decimal
import math

from ._failures import Invalid
from ._nodes import NUMBER_KEYWORDS, Node
from ._state import LAX, STRICT

_Decimal = decimal.Decimal
_COMPARE = {
    "le": ("less_than_equal", lambda v, b: v <= b),
    "lt": ("less_than", lambda v, b: v < b),
    "ge": ("greater_than_equal", lambda v, b: v >= b),
    "gt": ("greater_than", lambda v, b: v > b),
}


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
            raise Invalid(
                kind,
                given,
                {name: bound if isinstance(bound, (int, float, _Decimal)) else str(bound)},
            )


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
