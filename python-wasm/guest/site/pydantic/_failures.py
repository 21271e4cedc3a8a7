"""Validation errors: how they are collected on the way up, and `ValidationError`."""

import json

_PLURAL = "{field_type} should have at {most} {n} item{s} after validation, not {actual}"
_MESSAGES = {
    "missing": "Field required",
    "extra_forbidden": "Extra inputs are not permitted",
    "frozen_field": "Field is frozen",
    "frozen_instance": "Instance is frozen",
    "no_such_attribute": "Object has no attribute '{attribute}'",
    "json_invalid": "Invalid JSON: {error}",
    "json_type": "JSON input should be string, bytes or bytearray",
    "none_required": "Input should be None",
    "int_type": "Input should be a valid integer",
    "int_parsing": "Input should be a valid integer, unable to parse string as an integer",
    "int_parsing_size": "Unable to parse input string as an integer, exceeded maximum size",
    "int_from_float": "Input should be a valid integer, got a number with a fractional part",
    "float_type": "Input should be a valid number",
    "float_parsing": "Input should be a valid number, unable to parse string as a number",
    "finite_number": "Input should be a finite number",
    "bool_type": "Input should be a valid boolean",
    "bool_parsing": "Input should be a valid boolean, unable to interpret input",
    "string_type": "Input should be a valid string",
    "string_unicode": (
        "Input should be a valid string, unable to parse raw data as a unicode string"
    ),
    "bytes_type": "Input should be a valid bytes",
    "complex_type": (
        "Input should be a valid python complex object, a number, or a valid complex string "
        "following the rules at https://docs.python.org/3/library/functions.html#complex"
    ),
    "complex_str_parsing": (
        "Input should be a valid complex string following the rules at "
        "https://docs.python.org/3/library/functions.html#complex"
    ),
    "list_type": "Input should be a valid list",
    "deque_type": "Input should be a valid deque",
    "sequence_str": "'{type_name}' instances are not allowed as a Sequence value",
    "is_type": "Input should be a type",
    "tuple_type": "Input should be a valid tuple",
    "set_type": "Input should be a valid set",
    "frozen_set_type": "Input should be a valid frozenset",
    "set_item_not_hashable": "Set items should be hashable",
    "iterable_type": "Input should be iterable",
    "dict_type": "Input should be a valid dictionary",
    "mapping_type": "Input should be a valid mapping, error: {error}",
    "greater_than": "Input should be greater than {gt}",
    "greater_than_equal": "Input should be greater than or equal to {ge}",
    "less_than": "Input should be less than {lt}",
    "less_than_equal": "Input should be less than or equal to {le}",
    "multiple_of": "Input should be a multiple of {multiple_of}",
    "string_pattern_mismatch": "String should match pattern '{pattern}'",
    "literal_error": "Input should be {expected}",
    "enum": "Input should be {expected}",
    "model_type": "Input should be a valid dictionary or instance of {class_name}",
    "model_attributes_type": (
        "Input should be a valid dictionary or object to extract fields from"
    ),
    "dataclass_type": "Input should be a dictionary or an instance of {class_name}",
    "dataclass_exact_type": "Input should be an instance of {class_name}",
    "named_tuple_type": (
        "Input should be a tuple, list, dictionary or an instance of {class_name}"
    ),
    "is_instance_of": "Input should be an instance of {class}",
    "is_subclass_of": "Input should be a subclass of {class}",
    "callable_type": "Input should be callable",
    "date_type": "Input should be a valid date",
    "date_from_datetime_parsing": "Input should be a valid date or datetime, {error}",
    "date_from_datetime_inexact": (
        "Datetimes provided to dates should have zero time - e.g. be exact dates"
    ),
    "datetime_type": "Input should be a valid datetime",
    "datetime_from_date_parsing": "Input should be a valid datetime or date, {error}",
    "time_type": "Input should be a valid time",
    "time_parsing": "Input should be in a valid time format, {error}",
    "time_delta_type": "Input should be a valid timedelta",
    "time_delta_parsing": "Input should be a valid timedelta, {error}",
    "timezone_naive": "Input should not have timezone info",
    "timezone_aware": "Input should have timezone info",
    "date_past": "Date should be in the past",
    "date_future": "Date should be in the future",
    "datetime_past": "Input should be in the past",
    "datetime_future": "Input should be in the future",
    "decimal_type": "Decimal input should be an integer, float, string or Decimal object",
    "decimal_parsing": "Input should be a valid decimal",
    "uuid_type": "UUID input should be a string, bytes or UUID object",
    "uuid_parsing": "Input should be a valid UUID, {error}",
    "path_type": "Input is not a valid path for {path_type}",
    "pattern_type": "Input should be a valid pattern",
    "pattern_regex": "Input should be a valid regular expression",
    "fraction_parsing": "Input is not a valid fraction",
    "predicate_failed": "Predicate '{name}' failed",
    "not_operation_failed": "Not of {name} failed",
    "value_error": "Value error, {error}",
    "assertion_error": "Assertion failed, {error}",
    "union_tag_invalid": (
        "Input tag '{tag}' found using {discriminator} does not match any of the expected "
        "tags: {expected_tags}"
    ),
    "union_tag_not_found": "Unable to extract tag using discriminator {discriminator}",
    "unexpected_keyword_argument": "Unexpected keyword argument",
    "unexpected_positional_argument": "Unexpected positional argument",
    "missing_argument": "Missing required argument",
    "missing_keyword_only_argument": "Missing required keyword only argument",
    "missing_positional_only_argument": "Missing required positional only argument",
    "multiple_argument_values": "Got multiple values for argument",
}


_LENGTHS = {
    "string_too_short": ("String", "character", True),
    "string_too_long": ("String", "character", False),
    "bytes_too_short": ("Data", "byte", True),
    "bytes_too_long": ("Data", "byte", False),
}


def shown(number):
    """A bound as messages show it: 1.0 is 1."""
    if type(number) is float and number.is_integer() and abs(number) < 1e16:
        return str(int(number))
    return str(number)


class Line:
    """One error; `loc` grows innermost first."""

    __slots__ = ("type", "loc", "input", "ctx", "hidden")

    def __init__(self, kind, value, ctx=None, hidden=False):
        self.type, self.loc, self.input, self.ctx = kind, [], value, ctx
        self.hidden = hidden  # a ctx for the message only

    def message(self):
        """The text for a person."""
        ctx = self.ctx or {}
        kind = self.type
        if kind in _LENGTHS:
            what, unit, least = _LENGTHS[kind]
            n = ctx["min_length" if least else "max_length"]
            word = "least" if least else "most"
            return f"{what} should have at {word} {n} {unit}{'' if n == 1 else 's'}"
        if kind in ("too_short", "too_long"):
            least = kind == "too_short"
            n, actual = ctx["min_length" if least else "max_length"], ctx["actual_length"]
            return _PLURAL.format(
                field_type=ctx["field_type"], most="least" if least else "most", n=n,
                s="" if n == 1 else "s", actual="more" if actual is None else actual,
            )  # fmt: skip
        if kind in ("decimal_max_digits", "decimal_max_places", "decimal_whole_digits"):
            n = ctx.get("max_digits", ctx.get("decimal_places", ctx.get("whole_digits")))
            what = {
                "decimal_max_digits": "digit{} in total",
                "decimal_max_places": "decimal place{}",
                "decimal_whole_digits": "digit{} before the decimal point",
            }[kind].format("" if n == 1 else "s")
            return f"Decimal input should have no more than {n} {what}"
        return _MESSAGES[kind].format(**{k: shown(v) for k, v in ctx.items()})


class Invalid(Exception):
    """Errors on their way up; becomes a `ValidationError` at the top."""

    def __init__(self, kind, value, ctx=None, hidden=False):
        self.lines = [Line(kind, value, ctx, hidden)]

    @classmethod
    def of(cls, lines):
        """Several errors as one exception."""
        invalid = cls.__new__(cls)
        invalid.lines = lines
        return invalid

    def under(self, *keys):
        """The errors as seen from what contains the value."""
        for line in self.lines:
            line.loc.extend(keys)
        return self.lines


class ValidationError(ValueError):
    """Data that does not fit a model; `errors()` lists what is wrong."""

    def __init__(self, title, lines, input_type="python"):
        super().__init__(title, lines)
        self._title, self._lines, self._input_type = title, lines, input_type

    @property
    def title(self):
        """The model's (or type's) name."""
        return self._title

    def error_count(self):
        """How many errors there are."""
        return len(self._lines)

    def errors(self, *, include_url=True, include_context=True, include_input=True):
        """The errors as dicts: type, loc, msg, input and, for some, ctx. There is no url."""
        errors = []
        for line in self._lines:
            error = {"type": line.type, "loc": tuple(reversed(line.loc)), "msg": line.message()}
            if include_input:
                error["input"] = line.input
            if include_context and line.ctx and not line.hidden:
                error["ctx"] = dict(line.ctx)
            errors.append(error)
        return errors

    def json(self, *, indent=None, include_url=True, include_context=True, include_input=True):
        """The errors as JSON text."""
        from ._dump import to_json

        listed = self.errors(include_context=include_context, include_input=include_input)
        for error in listed:
            if "error" in error.get("ctx", {}):
                error["ctx"]["error"] = str(error["ctx"]["error"])
        return to_json(listed, indent=indent, fallback=repr)

    def __str__(self):
        count = len(self._lines)
        parts = [f"{count} validation error{'' if count == 1 else 's'} for {self._title}"]
        for line in self._lines:
            loc = ".".join(str(key) for key in reversed(line.loc))
            if loc:
                parts.append(loc)
            text = repr(line.input)
            if len(text) > 50:
                text = f"{text[:25]}...{text[-24:]}"
            parts.append(
                f"  {line.message()} [type={line.type}, input_value={text}, "
                f"input_type={type(line.input).__name__}]"
            )
        return "\n".join(parts)

    __repr__ = __str__

    def __reduce__(self):
        return ValidationError, (self._title, self._lines, self._input_type)


def quoted(values):
    """`'a', 'b' or 'c'`."""
    texts = [repr(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def read_json(data):
    """Parse JSON text for `model_validate_json`. Raises `Invalid`."""
    if not isinstance(data, (str, bytes, bytearray)):
        raise Invalid("json_type", data)
    try:
        return json.loads(data)
    except ValueError as error:
        raise Invalid("json_invalid", data, {"error": str(error)}) from None
