"""JSON values converted to what type hints say, with every violation reported.

`converter(hint)` gives a function of one value, or None where any value passes as it is.
A converter raises `Bad`; containers collect what their items raise, so the happy path
carries no paths.
"""

import collections
import collections.abc as abc
import enum
import operator
import re
import typing

from . import hints
from .scalars import EXACT, SCALARS
from .violations import MOST_VIOLATIONS, Bad, InputError, kind, model_violations

__all__ = ["Bad", "InputError", "converter"]

INTEGER, NULL, TEXT = SCALARS[int], SCALARS[None], SCALARS[str]


def _set_of(made):
    def convert(values):
        try:
            found = made(values)
        except TypeError:
            raise Bad("type", "has items that cannot be in a set", values) from None
        if len(found) != len(values):
            raise Bad("uniqueItems", "has items that are equal", values)
        return found

    return convert


# What an array becomes, by the hint's origin.
ARRAYS = {
    list: None,
    tuple: tuple,
    set: _set_of(set),
    frozenset: _set_of(frozenset),
    collections.deque: collections.deque,
    abc.Set: _set_of(set),
    abc.MutableSet: _set_of(set),
    abc.Sequence: None,
    abc.MutableSequence: None,
    abc.Collection: None,
    abc.Iterable: None,
    abc.Container: None,
    abc.Reversible: None,
}
SETS = (set, frozenset, abc.Set, abc.MutableSet)
OBJECTS = {
    dict: None,
    abc.Mapping: None,
    abc.MutableMapping: None,
    collections.OrderedDict: collections.OrderedDict,
}


def converter(hint, known=None):
    """The converter of a hint, or None where every JSON value passes unchanged.

    `known` holds the converters of the classes on the way, for types that contain themselves.
    """
    try:
        return SCALARS[hint]
    except (KeyError, TypeError):
        pass
    if known is None:
        known = {}
    hint, metadata = hints.unwrap(hint)
    if metadata:
        return _annotated(hint, metadata, known)
    if hint is typing.Any or hint is object or hint is hints.EMPTY:
        return None
    alias = hints.alias_value(hint)
    if alias is not hints.EMPTY:
        return _late(hint, known, lambda: converter(alias, known))
    origin = typing.get_origin(hint)
    if origin is None:
        return _of_class(hint, known)
    arguments = typing.get_args(hint)
    if origin is typing.Literal:
        return _choice(arguments)
    if hints.is_union(origin):
        return _union(arguments, known)
    if origin is tuple and not (len(arguments) == 2 and arguments[1] is ...):
        return _tuple(arguments, known)
    if origin in ARRAYS:
        return _array(converter(arguments[0], known), ARRAYS[origin])
    if origin is collections.Counter:
        return _object(converter(arguments[0], known), INTEGER, collections.Counter, arguments[0])
    if origin in OBJECTS:
        return _object(
            converter(arguments[0], known),
            converter(arguments[1], known),
            OBJECTS[origin],
            arguments[0],
        )
    return _of_class(origin, known)


def _of_class(hint, known):
    try:
        found = SCALARS.get(hint)
    except TypeError:
        return None
    if found is not None:
        return found
    if not isinstance(hint, type):
        return None
    if hints.is_pydantic(hint):
        return _model(hint)
    if hint in ARRAYS:
        return _array(None, ARRAYS[hint])
    if hint in OBJECTS:
        return _object(None, None, OBJECTS[hint], str)
    if issubclass(hint, enum.Enum):
        return _enum(hint)
    if hints.is_typed_dict(hint):
        return _late(hint, known, lambda: _fields(hint, hints.typed_dict_fields(hint), known, dict))
    if hints.is_named_tuple(hint):
        return _late(hint, known, lambda: _named_tuple(hint, known))
    if hasattr(hint, "__dataclass_fields__"):
        return _late(hint, known, lambda: _fields(hint, dataclass_inputs(hint), known, hint))
    return None


def dataclass_inputs(cls):
    """`{name: (hint, required)}` of a dataclass's constructor."""
    types_of = hints.class_hints(cls)
    fields = {}
    for name, field in cls.__dataclass_fields__.items():
        if field.init and field._field_type.name != "_FIELD_CLASSVAR":
            required = all(
                type(given).__name__ == "_MISSING_TYPE"
                for given in (field.default, field.default_factory)
            )
            fields[name] = (types_of.get(name, field.type), required)
    return fields


def _late(key, known, build):
    """A converter built at its first use, so that a type may contain itself."""
    if key in known:
        return known[key]
    built = []

    def convert(value):
        if not built:
            built.append(build())
        return value if built[0] is None else built[0](value)

    known[key] = convert
    return convert


def _array(item, made):
    def convert(value):
        if type(value) is not list:
            raise Bad("type", f"must be an array, not {kind(value)}", value)
        if item is not None:
            try:
                value = [item(x) for x in value]
            except Bad:
                value = _each(value, item)
        return value if made is None else made(value)

    return convert


def _each(values, item):
    """Convert items one by one to report all that are wrong."""
    converted, found = [], []
    for i, value in enumerate(values):
        try:
            converted.append(item(value))
        except Bad as bad:
            found += bad.under(i)
            if len(found) >= MOST_VIOLATIONS:
                break
    if found:
        raise Bad.of(found)
    return converted


def _tuple(arguments, known):
    items = [] if arguments == ((),) else [converter(x, known) for x in arguments]

    def convert(value):
        if type(value) is not list:
            raise Bad("type", f"must be an array, not {kind(value)}", value)
        if len(value) != len(items):
            rule = "minItems" if len(value) < len(items) else "maxItems"
            raise Bad(rule, f"must have {len(items)} items, not {len(value)}", value)
        converted, found = [], []
        for i, item in enumerate(items):
            try:
                converted.append(value[i] if item is None else item(value[i]))
            except Bad as bad:
                found += bad.under(i)
        if found:
            raise Bad.of(found)
        return tuple(converted)

    return convert


def _object(key, item, made, key_hint):
    key_from_text = _key(key, key_hint)

    def convert(value):
        if type(value) is not dict:
            raise Bad("type", f"must be an object, not {kind(value)}", value)
        if item is not None or key_from_text is not None:
            converted, found = {}, []
            for name, x in value.items():
                try:
                    k = name if key_from_text is None else key_from_text(name)
                    if k in converted:
                        raise Bad("propertyNames", f"is the same key as another: {k!r}", name)
                    converted[k] = x if item is None else item(x)
                except Bad as bad:
                    found += bad.under(name)
                    if len(found) >= MOST_VIOLATIONS:
                        break
            if found:
                raise Bad.of(found)
            value = converted
        return value if made is None else made(value)

    return convert


def _key(convert, hint):
    """How a key's text becomes what the hint says; None where it stays text."""
    base = hints.unwrap(hint)[0]
    if convert is None or base is str:
        return convert if base is str and convert is not TEXT else None

    def from_text(name):
        try:
            return convert(name)
        except Bad as bad:
            for read in (int, float):
                try:
                    return convert(read(name))
                except (ValueError, OverflowError, Bad):
                    continue
            raise Bad("propertyNames", f"has a key that {bad.found[0].message}", name) from None

    return from_text


def json_form(member):
    """What stands for an enum's member in JSON: its value, or its name if that has no form."""
    value = member._value_
    return value if type(value) in (str, int, float, bool, type(None)) else member._name_


def _enum(cls):
    if issubclass(cls, enum.Flag):

        def flag(value):
            try:
                return cls(INTEGER(value))
            except ValueError:
                raise Bad("enum", "has bits that mean nothing", value) from None

        return flag
    return _choice_of({(_class(json_form(m)), json_form(m)): m for m in cls})


def _class(value):
    # 1 == 1.0 in JSON, 1 != true.
    return bool if value is True or value is False else None


def _choice(arguments):
    table = {}
    for value in arguments:
        form = json_form(value) if isinstance(value, enum.Enum) else value
        table[_class(form), form] = value
    return _choice_of(table)


def _choice_of(table):
    listed = ", ".join(repr(form) for _, form in table)

    def convert(value):
        try:
            return table[_class(value), value]
        except (KeyError, TypeError):
            raise Bad("enum", f"must be one of {listed}", value) from None

    return convert


def exact_types(hint):
    """The JSON types (as Python types) that a hint stands for without any change."""
    hint = hints.unwrap(hint)[0]
    alias = hints.alias_value(hint)
    if alias is not hints.EMPTY:
        return exact_types(alias) if typing.get_origin(alias) is not typing.Union else ()
    try:
        if hint in EXACT:
            return (EXACT[hint],)
    except TypeError:
        return ()
    origin = typing.get_origin(hint) or hint
    if origin is typing.Literal or (isinstance(origin, type) and issubclass(origin, enum.Enum)):
        values = typing.get_args(hint) if origin is typing.Literal else list(origin)
        return tuple({type(json_form(v) if isinstance(v, enum.Enum) else v) for v in values})
    if hint in SCALARS and hint not in (dict, list):
        return (str,)
    if hints.is_named_tuple(origin):
        return (dict, list)
    if origin in ARRAYS:
        return (list,)
    if isinstance(origin, type):
        return (dict,)
    return (float, int, bool, str, type(None), list, dict)


def _union(arguments, known):
    options = [(exact_types(x), converter(x, known)) for x in arguments]
    others = [x for x in options if x[1] is not NULL]
    if len(others) == 1 and len(options) == 2:
        only = others[0][1]
        return None if only is None else lambda value: None if value is None else only(value)

    def convert(value):
        exact = type(value)
        near = [option for types, option in options if exact in types]
        best, found = None, []
        for option in near:
            try:
                made = value if option is None else option(value)
            except Bad as bad:
                found.append(bad.found)
                continue
            # Of several models the one that takes most of the object's fields.
            count = len(getattr(made, "model_fields_set", ())) if exact is dict else 0
            if best is None or count > best[0]:
                best = (count, made)
            if exact is not dict:
                break
        if best is not None:
            return best[1]
        for types, option in options:
            if exact not in types:
                try:
                    return value if option is None else option(value)
                except Bad as bad:
                    if not near:
                        found.append(bad.found)
        if len(found) == 1 and near:
            raise Bad.of(found[0])
        reasons = dict.fromkeys(x.message for each in found for x in each if not x.path)
        what = "; ".join(reasons) or "fits none of the forms allowed"
        raise Bad("anyOf", what, value)

    return convert


def _fields(cls, fields, known, made):
    """A converter to a dataclass or TypedDict from an object with named values."""
    items = {name: (converter(hint, known), required) for name, (hint, required) in fields.items()}

    def convert(value):
        if type(value) is not dict:
            raise Bad("type", f"must be an object ({cls.__name__}), not {kind(value)}", value)
        return construct(made, named(value, items))

    return convert


def construct(made, values):
    """Make an object; a ValueError of its own checks is a violation like any other."""
    if made is dict:
        return values
    try:
        return made(**values)
    except (ValueError, AssertionError) as error:
        raise Bad("value", str(error) or type(error).__name__, values) from error


def named(value, items):
    """Convert an object's values; `items` is `{name: (converter, required)}`."""
    converted, found = {}, []
    for name, (item, required) in items.items():
        if name in value:
            try:
                converted[name] = value[name] if item is None else item(value[name])
            except Bad as bad:
                found += bad.under(name)
        elif required:
            found += Bad("required", f"`{name}` is required").found
    if len(value) > len(converted) or found:
        for name in value:
            if name not in items:
                found += unknown(name, items).under(name)
    if found:
        raise Bad.of(found)
    return converted


def unknown(name, names):
    """The violation for a name that nothing takes."""
    import difflib

    near = difflib.get_close_matches(str(name), list(names), 1)
    guess = f"; did you mean `{near[0]}`?" if near else ""
    return Bad("additionalProperties", f"`{name}` is not expected{guess}")


def _named_tuple(cls, known):
    types_of = hints.class_hints(cls)
    fields = {x: (types_of.get(x, typing.Any), x not in cls._field_defaults) for x in cls._fields}
    from_object = _fields(cls, fields, known, cls)
    items = [converter(hint, known) for hint, _ in fields.values()]

    def convert(value):
        if type(value) is not list:
            return from_object(value)
        if not len(cls._fields) - len(cls._field_defaults) <= len(value) <= len(cls._fields):
            raise Bad("type", f"must have {len(cls._fields)} items, not {len(value)}", value)
        return cls(*_each(list(zip(items, value)), lambda x: x[1] if x[0] is None else x[0](x[1])))

    return convert


def _model(cls):
    """A pydantic model or dataclass: pydantic validates, its errors become violations."""
    if hints.is_model(cls):
        validate = cls.model_validate
    else:
        validate = _adapter(cls)

    def convert(value):
        try:
            return validate(value)
        except Exception as error:
            raise model_violations(error, value) from None

    return convert


def _adapter(hint):
    import pydantic

    return pydantic.TypeAdapter(hint).validate_python


def _annotated(hint, metadata, known):
    says = hints.Metadata(metadata)
    if says.foreign:
        # Validators and tagged unions are pydantic's to apply, the type included.
        return _with_adapter(typing.Annotated[(hint, *metadata)])
    return bounded(converter(hint, known), says)


def _with_adapter(hint):
    validate = _adapter(hint)

    def convert(value):
        try:
            return validate(value)
        except Exception as error:
            raise model_violations(error, value) from None

    return convert


def bounded(convert, says):
    """A converter followed by the checks of `Annotated`'s constraints."""
    checks = [_CHECKS[name](bound) for name, bound in says.bounds.items()]
    checks += [_predicate(test) for test in says.predicates]
    if not checks:
        return convert

    def checked(value):
        made = value if convert is None else convert(value)
        if made is None:  # Optional: a bound is on the value, where there is one
            return made
        found = []
        for rule, test, message in checks:
            try:
                passes = test(made)
            except TypeError:  # a bound that is not for this kind of value
                continue
            if not passes:
                found += Bad(_SIZES.get((rule, type(value)), rule), message, value).found
        if found:
            raise Bad.of(found)
        return made

    return checked


def _predicate(test):
    name = getattr(test, "__name__", "")
    shown = f"`{name}`" if name.isidentifier() else "its check"
    return "predicate", test, f"does not pass {shown}"


def _multiple(step):
    def test(value):
        if type(value) is float or type(step) is float:
            rest, slack = abs(value % step), abs(value) / 1e9
            return rest <= slack or abs(rest - abs(step)) <= slack
        return value % step == 0

    return test


def _pattern(bound):
    # Compiled at its first use: a call may not get there.
    text = getattr(bound, "pattern", bound)

    def test(value):
        return type(value) is not str or re.search(bound, value) is not None

    return "pattern", test, f"must match the pattern {text}"


_CHECKS = {
    "gt": lambda b: ("exclusiveMinimum", lambda v: v > b, f"must be greater than {b}"),
    "ge": lambda b: ("minimum", lambda v: v >= b, f"must be at least {b}"),
    "lt": lambda b: ("exclusiveMaximum", lambda v: v < b, f"must be less than {b}"),
    "le": lambda b: ("maximum", lambda v: v <= b, f"must be at most {b}"),
    "multiple_of": lambda b: ("multipleOf", _multiple(b), f"must be a multiple of {b}"),
    "pattern": _pattern,
}


def _sized(rule, compare, word):
    def check(bound):
        return (
            rule,
            lambda value: compare(len(value), bound),
            f"must have a length of {word} {bound}",
        )

    return check


_CHECKS["min_length"] = _sized("minLength", operator.ge, "at least")
_CHECKS["max_length"] = _sized("maxLength", operator.le, "at most")
# What JSON Schema calls a length depends on what is measured.
_SIZES = {
    ("minLength", list): "minItems",
    ("maxLength", list): "maxItems",
    ("minLength", dict): "minProperties",
    ("maxLength", dict): "maxProperties",
}
