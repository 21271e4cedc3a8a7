"""JSON Schema 2020-12 from type hints.

One `Schemas` per document: it collects the `$defs` and the warnings. A hint without a JSON
form, or one that names what does not exist, gives an open schema and a warning.
"""

import collections
import enum
import typing

from . import docstring, hints
from .convert import ARRAYS, OBJECTS, SETS, dataclass_inputs, json_form
from .encode import NotJson, plain
from .models import model_schema
from .scalars import SCHEMAS
from .units import with_unit

EMPTY = hints.EMPTY

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
# The keyword of each bound, by the JSON type that it is about.
_NUMBER = {
    "gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum",
    "multiple_of": "multipleOf",
}  # fmt: skip
_KEYWORDS = {
    "number": _NUMBER,
    "integer": _NUMBER,
    "string": {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"},
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}


def json_default(value):
    """A default as JSON; `EMPTY` where it has no JSON form."""
    try:
        return plain(value)
    except NotJson:
        return EMPTY


class Schemas:
    """Builds the schemas of one document; `mode` is "input" or "output"."""

    def __init__(self, mode):
        self.mode = mode
        self.defs = {}
        self.warnings = []
        self._names = {}  # a class or alias -> its name in `defs`
        self._open = {}  # an alias on the way -> whether it met itself

    def of(self, hint, where):
        """The schema of one hint; `where` names it in warnings."""
        if isinstance(hint, hints.Unresolved):
            return self._warn(f"{where}: the hint `{hint.text}` cannot be resolved ({hint.reason})")
        hint, metadata = hints.unwrap(hint)
        if metadata:
            says = hints.Metadata(metadata)
            if says.foreign:
                annotated = typing.Annotated[(hint, *metadata)]
                return self.with_metadata(model_schema(self, annotated, where), says, bounds=False)
            return self.with_metadata(self.of(hint, where), says)
        if hint is typing.Any or hint is object or hint is EMPTY:
            return {}
        if hint is None or hint is type(None):
            return {"type": "null"}
        alias = hints.alias_value(hint)
        if alias is not EMPTY:
            return self._alias(hint, alias, where)
        origin = typing.get_origin(hint)
        if origin is None:
            return self._class(hint, where)
        arguments = typing.get_args(hint)
        if origin is typing.Literal:
            return _values([json_form(x) if isinstance(x, enum.Enum) else x for x in arguments])
        if hints.is_union(origin):
            return self._union(arguments, where)
        if origin is tuple and not (len(arguments) == 2 and arguments[1] is ...):
            return self._tuple(() if arguments == ((),) else arguments, where)
        if origin in ARRAYS:
            return self._array(origin, self.of(arguments[0], where))
        if origin is collections.Counter:
            return self._object(arguments[0], {"type": "integer"}, where)
        if origin in OBJECTS:
            return self._object(arguments[0], self.of(arguments[1], where), where)
        return self._class(hint, where)

    def with_metadata(self, schema, says, bounds=True):
        """A schema with what `Annotated` or `Field` says."""
        if bounds and says.bounds:
            schema = _bounded(schema, says.bounds)
        else:
            schema = dict(schema)
        if says.title is not None:
            schema["title"] = says.title
        if says.description is not None:
            schema["description"] = says.description
        if says.examples is not None:
            examples = [json_default(x) for x in says.examples]
            schema["examples"] = [x for x in examples if x is not EMPTY]
        if says.deprecated:
            schema["deprecated"] = True
        extra = says.extra
        if callable(extra):
            try:
                extra(schema)
            except TypeError:  # the form that also takes the model's class
                extra(schema, None)
        elif extra:
            schema.update({k: v for k, v in extra.items() if k != "unit"})
            if "unit" in extra:
                schema["x-unit"] = extra["unit"]
        if says.unit is not None:
            schema["x-unit"] = says.unit
        return with_unit(schema)

    def with_text(self, schema, text):
        """A schema with a docstring's description, where it has none of its own."""
        if text and "description" not in schema:
            schema = with_unit({**schema, "description": text})
        return schema

    def nullable(self, schema):
        """A schema that null fits too; what describes the value stays outside."""
        if not schema:
            return schema
        outside = ("title", "description", "examples", "x-unit", "deprecated")
        inner = {k: v for k, v in schema.items() if k not in outside}
        forms = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
        around = {k: v for k, v in schema.items() if k in outside}
        return {"anyOf": [*forms, {"type": "null"}], **around}

    def allows_null(self, schema):
        """Whether null fits a schema, as far as its own keywords tell."""
        if "anyOf" in schema:
            return any(self.allows_null(x) for x in schema["anyOf"])
        if "enum" in schema:
            return None in schema["enum"]
        return (
            "type" not in schema
            and "$ref" not in schema
            and "const" not in schema
            or (schema.get("type") == "null")
        )

    def opened(self, schema):
        """A schema without a reference at its root, which would hide the fields from a form."""
        if "$ref" not in schema:
            return schema
        name = schema["$ref"].rpartition("/")[2]
        around = {k: v for k, v in schema.items() if k != "$ref"}
        target = self.defs[name]
        if schema["$ref"] not in _references(self.defs):
            del self.defs[name]
        return {**target, **around}

    def name_for(self, key, wanted):
        """A free name in `$defs` for a class or alias."""
        name, i = wanted, 2
        while name in self.defs:
            name, i = f"{wanted}_{i}", i + 1
        self._names[key] = name
        return name

    def _warn(self, text):
        if text not in self.warnings:
            self.warnings.append(text)
        return {}

    def _class(self, hint, where):
        if not isinstance(hint, type):
            return self._warn(f"{where}: `{_shown(hint)}` has no JSON form; any value is taken")
        if hints.is_pydantic(hint):
            return model_schema(self, hint, where)
        scalar = SCHEMAS.get(hint)
        if scalar is not None:
            return dict(scalar.get(self.mode, scalar))
        if hint in ARRAYS:
            return self._array(hint, {})
        if hint in OBJECTS or hint is collections.Counter:
            return {"type": "object"}
        if issubclass(hint, enum.Flag):
            return {"type": "integer", "minimum": 0}
        if issubclass(hint, enum.Enum):
            text = vars(hint).get("__doc__")
            return self.with_text(
                _values([json_form(x) for x in hint], False), docstring.parse(text).description
            )
        if hints.is_typed_dict(hint):
            return self._fields(hint, hints.typed_dict_fields(hint), {}, where)
        if hints.is_named_tuple(hint):
            types_of = hints.class_hints(hint)
            fields = {
                x: (types_of.get(x, typing.Any), x not in hint._field_defaults)
                for x in hint._fields
            }
            return self._fields(hint, fields, hint._field_defaults, where)
        if hasattr(hint, "__dataclass_fields__"):
            return self._dataclass(hint, where)
        return self._warn(f"{where}: `{_shown(hint)}` has no JSON form; any value is taken")

    def _alias(self, hint, value, where):
        """`type X = ...`: written in place, unless it contains itself."""
        name = getattr(hint, "__name__", "Alias")
        if hint in self._open:
            self._open[hint] = True
            known = self._names.get(hint) or self.name_for(hint, name)
            self.defs.setdefault(known, {})
            return {"$ref": f"#/$defs/{known}"}
        if hint in self._names:
            return {"$ref": f"#/$defs/{self._names[hint]}"}
        self._open[hint] = False
        schema = self.of(value, where)
        if self._open.pop(hint):
            self.defs[self._names[hint]] = schema
            return {"$ref": f"#/$defs/{self._names[hint]}"}
        return schema

    def _union(self, arguments, where):
        forms = []
        for argument in arguments:
            form = self.of(argument, where)
            if not form:
                return {}
            forms += (
                [x for x in form["anyOf"] if x not in forms] if set(form) == {"anyOf"} else [form]
            )
        nulls = [x for x in forms if x == {"type": "null"}]
        forms = [x for x in forms if x != {"type": "null"}] + nulls[:1]
        return forms[0] if len(forms) == 1 else {"anyOf": forms}

    def _tuple(self, arguments, where):
        count = len(arguments)
        schema = {"type": "array", "minItems": count, "maxItems": count}
        if count:
            schema["prefixItems"] = [self.of(x, where) for x in arguments]
        return schema

    def _array(self, origin, items):
        schema = {"type": "array"}
        if items:
            schema["items"] = items
        if origin in SETS:
            schema["uniqueItems"] = True
        return schema

    def _object(self, key_hint, values, where):
        schema = {"type": "object"}
        if values:
            schema["additionalProperties"] = values
        key = hints.unwrap(key_hint)[0]
        if key is int:
            schema["propertyNames"] = {"pattern": "^[-+]?[0-9]+$"}
            return schema
        if key_hint in (str, float, typing.Any):
            return schema
        names = self.of(key_hint, where)
        if names.get("type") == "string" and len(names) > 1:
            schema["propertyNames"] = names
        return schema

    def _dataclass(self, cls, where):
        if self.mode == "input":
            fields = dataclass_inputs(cls)
        else:
            types_of = hints.class_hints(cls)
            fields = {
                name: (types_of.get(name, field.type), True)
                for name, field in cls.__dataclass_fields__.items()
                if field._field_type.name == "_FIELD"
            }
        defaults = {}
        for name, field in cls.__dataclass_fields__.items():
            if type(field.default).__name__ != "_MISSING_TYPE":
                defaults[name] = field.default
        return self._fields(cls, fields, defaults, where)

    def _fields(self, cls, fields, defaults, where):
        """A class with named values, in `$defs`."""
        if cls in self._names:
            return {"$ref": f"#/$defs/{self._names[cls]}"}
        name = self.name_for(cls, cls.__name__)
        schema = self.defs[name] = {"type": "object", "title": cls.__name__}
        own = cls.__doc__ or ""
        generated = own.startswith(f"{cls.__name__}(") or not vars(cls).get("__doc__")
        about = docstring.parse(None if generated else own)
        if about.description:
            schema["description"] = about.description
        texts = {**about.parameters, **about.attributes}
        properties, required = {}, []
        for field, (hint, needed) in fields.items():
            inner = self.of(hint, f"{where}, `{cls.__name__}.{field}`")
            if field in defaults and self.mode == "input":
                default = json_default(defaults[field])
                if default is None and not self.allows_null(inner):
                    inner = self.nullable(inner)
                if default is not EMPTY:
                    inner = {**inner, "default": default}
            properties[field] = self.with_text(inner, texts.get(field))
            if needed or (self.mode == "output" and hasattr(cls, "_fields")):
                required.append(field)
        schema["properties"] = properties
        if required:
            schema["required"] = required
        # A TypedDict that a handler returns may carry more than it declares.
        if self.mode == "input" or not hints.is_typed_dict(cls):
            schema["additionalProperties"] = False
        return {"$ref": f"#/$defs/{name}"}


def _values(values, one_is_const=True):
    """The schema of a fixed choice."""
    types = list(dict.fromkeys(_JSON_TYPES[type(x)] for x in values))
    if sorted(types) == ["integer", "number"]:
        types = ["number"]
    typed = {"type": types[0]} if len(types) == 1 else {}
    if len(values) == 1 and one_is_const:
        return {**typed, "const": values[0]}
    return {**typed, "enum": values}


def _bounded(schema, bounds):
    """A schema with bounds on the forms that they are about."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_bounded(x, bounds) for x in schema["anyOf"]]}
    schema, kind = dict(schema), schema.get("type")
    for name, bound in bounds.items():
        keyword = _KEYWORDS.get(kind, {} if kind else _NUMBER).get(name)
        value = json_default(getattr(bound, "pattern", bound))
        number = type(value) in (int, float)
        if keyword and (number or (keyword == "pattern" and type(value) is str)):
            schema[keyword] = value
    return schema


def _references(schema):
    """Every `$ref` within a schema."""
    if isinstance(schema, dict):
        own = {schema["$ref"]} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*map(_references, schema.values()))
    if isinstance(schema, list):
        return set().union(*map(_references, schema))
    return set()


def _shown(hint):
    text = getattr(hint, "__qualname__", None) if isinstance(hint, type) else None
    return text or repr(hint).replace("typing.", "").replace("collections.abc.", "")
