"""Schemas of pydantic models, taken from pydantic itself and made one of ours.

Works on the stand-in's schemas and on the real pydantic's alike.
"""

import json
import typing

from . import docstring, hints
from .units import with_unit


def model_schema(schemas, hint, where):
    """The schema of a model, a pydantic dataclass or a hint with pydantic's validators."""
    mode = "validation" if schemas.mode == "input" else "serialization"
    try:
        import pydantic

        made = pydantic.TypeAdapter(hint).json_schema(mode=mode, ref_template="#/$defs/{model}")
    except Exception as error:
        schemas.warnings.append(
            f"{where}: no schema from pydantic ({type(error).__name__}: {error})"
        )
        return {}
    classes = {}
    _collect(hint, classes)
    own = made.pop("$defs", {})
    if hints.is_pydantic(hint) and "$ref" not in made:
        own = {**own, hint.__name__: made}
        made = {"$ref": f"#/$defs/{hint.__name__}"}
    names = {}
    for name, schema in own.items():
        _finish(schema, classes.get(name))
        names[name] = _name(schemas, name, schema)
    for name, schema in own.items():
        schemas.defs[names[name]] = _renamed(schema, names)
    return _renamed(made, names)


def _name(schemas, name, schema):
    """The name under which a definition goes into the document's own."""
    same = schemas.defs.get(name)
    if same is None or json.dumps(same, sort_keys=True) == json.dumps(schema, sort_keys=True):
        return name
    return schemas.name_for(("pydantic", name), name)


def _renamed(schema, names):
    if isinstance(schema, dict):
        changed = {}
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str) and value.startswith("#/$defs/"):
                value = "#/$defs/" + names.get(value[8:], value[8:])
            else:
                value = _renamed(value, names)
            changed[key] = value
        return changed
    if isinstance(schema, list):
        return [_renamed(x, names) for x in schema]
    return schema


def _collect(hint, classes):
    """The model classes that a hint reaches, by name, for their docstrings."""
    hint = hints.unwrap(hint)[0]
    if isinstance(hint, type) and hints.is_pydantic(hint) and hint.__name__ not in classes:
        classes[hint.__name__] = hint
        for inner in hints.class_hints(hint).values():
            _collect(inner, classes)
    for inner in typing.get_args(hint):
        _collect(inner, classes)


def _finish(schema, cls):
    """Add units, and descriptions from the class's docstring, to one model's schema."""
    texts = {}
    if cls is not None and vars(cls).get("__doc__"):
        about = docstring.parse(cls.__doc__)
        texts = {**about.parameters, **about.attributes}
        if texts and about.description:
            schema["description"] = about.description
    for name, inner in schema.get("properties", {}).items():
        if not isinstance(inner, dict):
            continue
        if isinstance(inner.get("unit"), str):
            inner["x-unit"] = inner.pop("unit")
        if texts.get(name) and "description" not in inner:
            inner["description"] = texts[name]
        schema["properties"][name] = with_unit(inner)
