"""What is wrong with inputs: the violations and the errors that carry them."""

import re

# More than a person reads; a list of a million strings is not a million violations.
MOST_VIOLATIONS = 100

_MISSING = object()


class InputError(Exception):
    """Inputs that do not fit; `violations` lists each pointer, rule, message and value."""

    def __init__(self, violations):
        self.violations = violations
        lines = [f"{v['pointer'] or '/'}: {v['message']}" for v in violations]
        super().__init__("; ".join(lines))


class Found:
    """One violation on its way up; `path` is innermost first."""

    __slots__ = ("path", "rule", "message", "value")

    def __init__(self, rule, message, value):
        self.path, self.rule, self.message, self.value = [], rule, message, value

    def report(self):
        """The violation as JSON, with its pointer."""
        pointer = "".join(
            "/" + str(key).replace("~", "~0").replace("/", "~1") for key in reversed(self.path)
        )
        report = {"pointer": pointer, "rule": self.rule, "message": self.message}
        if self.value is not _MISSING:
            report["value"] = seen(self.value)
        return report


class Bad(Exception):
    """A value that does not convert; never leaves the shim."""

    def __init__(self, rule, message, value=_MISSING):
        self.found = [Found(rule, message, value)]

    @classmethod
    def of(cls, found):
        """Several violations as one exception."""
        bad = cls.__new__(cls)
        bad.found = found[:MOST_VIOLATIONS]
        return bad

    def under(self, key):
        """The violations as seen from the container that has the value at `key`."""
        for each in self.found:
            each.path.append(key)
        return self.found

    def as_input_error(self):
        """The public form."""
        return InputError([each.report() for each in self.found])


def kind(value):
    """A JSON value's type, in words."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    words = {
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return words.get(type(value), type(value).__name__)


def seen(value):
    """A value as a violation shows it: scalars as they are, the rest in few words."""
    if type(value) is str:
        return value if len(value) <= 200 else value[:200] + "…"
    if type(value) is int:
        return value if value.bit_length() <= 1024 else "a very large integer"
    if value is None or type(value) in (bool, float):
        return value
    if type(value) in (list, dict):
        items = value if type(value) is list else value.values()
        scalars = all(x is None or type(x) in (str, int, float, bool) for x in items)
        if len(value) <= 10 and scalars:
            if type(value) is list:
                return [seen(x) for x in value]
            return {str(k): seen(x) for k, x in value.items()}
        unit = "items" if type(value) is list else "keys"
        return f"{kind(value)} of {len(value)} {unit}"
    return str(value)[:200]


# pydantic's error types and the rules of JSON Schema that they break.
_RULES = {
    "missing": "required",
    "extra_forbidden": "additionalProperties",
    "unexpected_keyword_argument": "additionalProperties",
    "greater_than": "exclusiveMinimum",
    "greater_than_equal": "minimum",
    "less_than": "exclusiveMaximum",
    "less_than_equal": "maximum",
    "multiple_of": "multipleOf",
    "string_too_short": "minLength",
    "string_too_long": "maxLength",
    "string_pattern_mismatch": "pattern",
    "literal_error": "enum",
    "enum": "enum",
    "too_short": "minItems",
    "too_long": "maxItems",
    "union_tag_invalid": "enum",
    "union_tag_not_found": "required",
    "value_error": "value",
    "assertion_error": "value",
}
_TYPE_ERROR = re.compile(
    r"_(type|parsing|attributes_type)$|^(int_from_float|is_instance_of|none_required)$"
)


def model_violations(error, value):
    """A pydantic ValidationError as `Bad`; any other exception goes on as it is."""
    if type(error).__name__ != "ValidationError" or not callable(getattr(error, "errors", None)):
        raise error
    found = []
    for each in error.errors():
        kind_of = each["type"]
        rule = _RULES.get(kind_of) or ("type" if _TYPE_ERROR.search(kind_of) else "value")
        message = each["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if rule == "required" and each["loc"]:
            one = Found(rule, f"`{each['loc'][-1]}` is required", _MISSING)
        else:
            one = Found(rule, message[:1].lower() + message[1:], each.get("input", _MISSING))
        # Locations also name union members and steps of validation: keep what is in the value.
        at = value
        for key in each["loc"]:
            if isinstance(at, dict) and key in at:
                at = at[key]
            elif isinstance(at, list) and isinstance(key, int) and 0 <= key < len(at):
                at = at[key]
            else:
                continue
            one.path.insert(0, key)
        found.append(one)
    return Bad.of(found)
