"""Nodes around nodes: optional values, unions, validator and serializer functions."""

import json

from ._dump import dump_any
from ._failures import Invalid, ValidationError
from ._nodes import NUMBER_KEYWORDS, Node, Wrapper
from ._numbers import check_bounds
from ._state import EXACT, positional_count
from .errors import PydanticUserError


class NullableNode(Wrapper):
    """Optional[X]"""

    @property
    def name(self):
        return f"nullable[{self.inner.name}]"

    def validate(self, value, st):
        return None if value is None else self.inner.validate(value, st)

    def schema(self, gen):
        inner = self.inner.schema(gen)
        if inner == {"type": "null"}:
            return inner
        forms = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
        return {"anyOf": [*forms, {"type": "null"}]}

    def dump(self, value, how, include=None, exclude=None):
        return None if value is None else self.inner.dump(value, how, include, exclude)

    def fits(self, value):
        return value is None or self.inner.fits(value)


class UnionNode(Node):
    """Union[...]: the best fit, or with `left_to_right` the first."""

    takes = ("left_to_right",)

    def __init__(self, members, labels=None):
        super().__init__()
        self.members = members
        self.labels = labels or [None] * len(members)

    @property
    def name(self):
        return f"union[{','.join(x.name for x in self.members)}]"

    def validate(self, value, st):
        first = bool(self.bounds.get("left_to_right"))
        outer, outer_set = st.exactness, st.fields_set
        best, lines = None, []
        for member, label in zip(self.members, self.labels):
            st.exactness, st.fields_set = EXACT, 0
            try:
                made = member.validate(value, st)
            except Invalid as invalid:
                lines += invalid.under(label or member.name)
                continue
            rank = (st.fields_set, st.exactness)
            if best is None or rank > best[0]:
                best = (rank, made)
            if first or rank == (0, EXACT):
                break
        st.exactness, st.fields_set = outer, outer_set
        if best is None:
            raise Invalid.of(lines)
        st.fields_set = max(outer_set, best[0][0])
        st.floor(best[0][1])
        return best[1]

    def schema(self, gen):
        forms = []
        for member in self.members:
            form = member.schema(gen)
            listed = form["anyOf"] if set(form) == {"anyOf"} else [form]
            forms += [x for x in listed if x not in forms]
        return forms[0] if len(forms) == 1 else {"anyOf": forms}

    def dump(self, value, how, include=None, exclude=None):
        for member in self.members:
            if member.fits(value):
                return member.dump(value, how, include, exclude)
        return dump_any(value, how, include, exclude)

    def fits(self, value):
        return any(member.fits(value) for member in self.members)


class TaggedNode(Node):
    """A union whose member a tag in the value (or a function of it) names."""

    titled = True

    def __init__(self, discriminator, members):
        super().__init__()
        self.discriminator = discriminator  # a field's name, or a function
        self.members = members  # {tag: node}

    @property
    def name(self):
        return f"tagged-union[{','.join(x.name for x in self.members.values())}]"

    def validate(self, value, st):
        by_function = callable(self.discriminator)
        shown = f"{self.discriminator.__name__}()" if by_function else repr(self.discriminator)
        if by_function:
            tag = self.discriminator(value)
        elif isinstance(value, dict):
            tag = self._tag(value.get, value)
        elif hasattr(value, "__pydantic_fields_set__") or hasattr(value, "__dataclass_fields__"):
            tag = self._tag(lambda name: getattr(value, name, None), value)
        else:
            raise Invalid("model_attributes_type", value)
        tag = getattr(tag, "value", tag)
        if tag is None:
            raise Invalid("union_tag_not_found", value, {"discriminator": shown})
        try:
            member = self.members.get(tag)
        except TypeError:
            member = None
        if member is None:
            ctx = {
                "discriminator": shown, "tag": str(tag),
                "expected_tags": ", ".join(repr(x) for x in self.members),
            }  # fmt: skip
            raise Invalid("union_tag_invalid", value, ctx)
        try:
            return member.validate(value, st)
        except Invalid as invalid:
            raise Invalid.of(invalid.under(tag)) from None

    def _tag(self, get, value):
        for key in [self.discriminator, *self.aliases()]:
            tag = get(key)
            if tag is not None:
                return tag
        return None

    def aliases(self):
        """Other names of the tag's field."""
        found = []
        for member in self.members.values():
            fields = getattr(getattr(member, "cls", None), "model_fields", {})
            if not callable(self.discriminator) and self.discriminator in fields:
                alias = fields[self.discriminator].validation_alias
                if isinstance(alias, str):
                    found.append(alias)
        return found

    def schema(self, gen):
        forms, mapping = [], {}
        for tag, member in self.members.items():
            form = member.schema(gen)
            if form not in forms:
                forms.append(form)
            if "$ref" in form:
                mapping[str(tag)] = form["$ref"]
        schema = {"oneOf": forms}
        if not callable(self.discriminator):
            aliases = self.aliases() if gen.by_alias else []
            name = aliases[0] if aliases else self.discriminator
            schema["discriminator"] = {"propertyName": name, "mapping": mapping}
        return schema

    def dump(self, value, how, include=None, exclude=None):
        for member in self.members.values():
            if member.fits(value):
                return member.dump(value, how, include, exclude)
        return dump_any(value, how, include, exclude)

    def fits(self, value):
        return any(member.fits(value) for member in self.members.values())


class BoundsNode(Wrapper):
    """Bounds on what another node gives, where that node has no such bounds itself."""

    def __init__(self, inner, name, bound):
        super().__init__(inner)
        self.one = {name: bound}

    @property
    def name(self):
        return f"function-after[{next(iter(self.one))}(), {self.inner.name}]"

    def validate(self, value, st):
        made = self.inner.validate(value, st)
        ((name, bound),) = self.one.items()
        try:
            if (
                name == "min_length"
                and len(made) < bound
                or name == "max_length"
                and len(made) > bound
            ):
                kind = "too_short" if name == "min_length" else "too_long"
                ctx = {"field_type": "Value", name: bound, "actual_length": len(made)}
                raise Invalid(kind, value, ctx)
            if name in NUMBER_KEYWORDS:
                check_bounds(self.one, made, value)
        except TypeError:
            raise TypeError(
                f"Unable to apply constraint '{name}' to supplied value {made!r}"
            ) from None
        return made

    def schema(self, gen):
        schema = self.inner.schema(gen)
        return {**schema, **self.one} if "anyOf" in schema else schema


def call_validator(function, value, st, *extra):
    """Call a validator function; its ValueErrors and failed assertions are errors of the value."""
    try:
        return function(*extra) if extra else function(value)
    except Invalid:
        raise
    except AssertionError as error:
        raise Invalid("assertion_error", value, {"error": error}) from None
    except ValueError as error:
        if isinstance(error, ValidationError):
            raise Invalid.of(error._lines) from None
        raise Invalid("value_error", value, {"error": error}) from error


def as_public(run):
    """A function for a wrap validator: what it raises is a ValidationError, which may be caught."""

    def handler(value, outer_location=None):
        try:
            return run(value)
        except Invalid as invalid:
            raise ValidationError("", invalid.lines) from None

    return handler


class FunctionNode(Wrapper):
    """A validator function before, after, around or instead of a node."""

    def __init__(self, inner, mode, function, takes_info=None):
        super().__init__(inner)
        self.mode, self.function = mode, function
        if takes_info is None:
            most = 3 if mode == "wrap" else 2
            takes_info = positional_count(function, most) == most
        self.takes_info = takes_info

    @property
    def name(self):
        called = getattr(self.function, "__name__", type(self.function).__name__)
        if self.mode == "plain":
            return f"function-plain[{called}()]"
        return f"function-{self.mode}[{called}(), {self.inner.name}]"

    def validate(self, value, st):
        mode, function = self.mode, self.function
        info = (st.info(),) if self.takes_info else ()
        if mode == "after":
            made = self.inner.validate(value, st)
            try:
                return call_validator(function, made, st, made, *info)
            except Invalid as invalid:
                for line in invalid.lines:
                    if line.input is made and not line.loc:
                        line.input = value
                raise
        if mode == "wrap":
            handler = as_public(lambda given: self.inner.validate(given, st))
            return call_validator(function, value, st, value, handler, *info)
        made = call_validator(function, value, st, value, *info)
        return made if mode == "plain" else self.inner.validate(made, st)

    def schema(self, gen):
        return {} if self.mode == "plain" else self.inner.schema(gen)

    def dump(self, value, how, include=None, exclude=None):
        if self.mode == "plain":
            return dump_any(value, how, include, exclude)
        return self.inner.dump(value, how, include, exclude)


class PredicateNode(Wrapper):
    """annotated_types.Predicate"""

    def __init__(self, inner, function):
        super().__init__(inner)
        self.function = function

    def validate(self, value, st):
        made = self.inner.validate(value, st)
        if not self.function(made):
            negated = type(self.function).__name__ == "Not"
            function = self.function.func if negated else self.function
            name = getattr(function, "__qualname__", repr(function))
            kind = "not_operation_failed" if negated else "predicate_failed"
            raise Invalid(kind, value, {"name": name.rpartition("<locals>.")[2]}, hidden=True)
        return made


class JsonNode(Wrapper):
    """Json[X]: text that is JSON."""

    def __init__(self, inner):
        super().__init__(inner)

    @property
    def name(self):
        return f"json[{self.inner.name}]"

    def validate(self, value, st):
        if not isinstance(value, (str, bytes, bytearray)):
            raise Invalid("json_type", value)
        try:
            parsed = json.loads(value)
        except ValueError as error:
            raise Invalid("json_invalid", value, {"error": str(error)}) from None
        return self.inner.validate(parsed, st)

    def schema(self, gen):
        if gen.mode == "serialization":
            return self.inner.schema(gen)
        return {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": self.inner.schema(gen),
        }


class SerializerNode(Wrapper):
    """A serializer function instead of, or around, a node's dump."""

    def __init__(self, inner, mode, function, when_used="always", build_return=None):
        super().__init__(inner)
        if mode not in ("plain", "wrap"):
            raise PydanticUserError(f"a serializer is plain or wrap, not {mode!r}")
        self.mode, self.function, self.when_used = mode, function, when_used
        most = 3 if mode == "wrap" else 2
        self.takes_info = positional_count(function, most) == most
        # The node of what the function returns, or None where it does not say.
        self.build_return = build_return

    def dump(self, value, how, include=None, exclude=None):
        if not applies(self.when_used, value, how):
            return self.inner.dump(value, how, include, exclude)
        return self._call(self.function, value, how, include, exclude)

    def _call(self, function, value, how, include, exclude):
        info = (SerializationInfo(how, include, exclude),) if self.takes_info else ()
        if self.mode == "wrap":
            made = function(
                value, lambda given: self.inner.dump(given, how, include, exclude), *info
            )
        else:
            made = function(value, *info)
        returned = self.build_return() if self.build_return else None
        return dump_any(made, how) if returned is None else returned.dump(made, how)

    def schema(self, gen):
        if gen.mode == "serialization" and self.build_return is not None:
            return self.build_return().schema(gen)
        return self.inner.schema(gen)


def applies(when_used, value, how):
    """Whether a serializer is for this dump."""
    if when_used.startswith("json") and not how.json:
        return False
    return not (when_used.endswith("unless-none") and value is None)


class SerializationInfo:
    """What a serializer may know of the dump it is part of."""

    __slots__ = ("_how", "include", "exclude", "field_name")

    def __init__(self, how, include=None, exclude=None, field_name=None):
        self._how, self.include, self.exclude = how, include, exclude
        self.field_name = field_name

    def __getattr__(self, name):
        return getattr(self._how, name)

    def mode_is_json(self):
        """Whether JSON is being made."""
        return self._how.json


class DuckNode(Wrapper):
    """SerializeAsAny[X]: dumped by the value's own type."""

    def dump(self, value, how, include=None, exclude=None):
        return dump_any(value, how, include, exclude)


class SchemaNode(Wrapper):
    """WithJsonSchema: a JSON Schema given by hand, for one mode or both."""

    def __init__(self, inner, given, mode=None):
        super().__init__(inner)
        self.given, self.mode = given, mode

    def schema(self, gen):
        if self.mode in (None, gen.mode):
            return {} if self.given is None else dict(self.given)
        return self.inner.schema(gen)


class DescribedNode(Wrapper):
    """What a Field within a type says: title, description and the like."""

    def __init__(self, inner, field):
        super().__init__(inner)
        self.field = field

    def schema(self, gen):
        return self.field._described(self.inner.schema(gen))
