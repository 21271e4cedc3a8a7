"""What a handler tells about itself: its schemas and its description."""

import typing

from . import docstring, hints
from .hints import EMPTY, HandlerError, takes_all
from .schema import Schemas, json_default

_NOTHING_TOLD = (typing.Any, object, EMPTY)


def describe(handler):
    """A handler's `inputs_schema`, `outputs_schema`, `description` and `warnings`."""
    schemas = Schemas("input")
    own = handler.signature()
    doc = docstring.parse(_docstring(handler.function))
    texts = dict(doc.parameters)
    parameters = list(own.parameters)
    name = getattr(handler.function, "__name__", "the handler")
    only = takes_all(own)
    if handler.cls is not None and (handler.init or handler.needs_instance()):
        # Checked even where `init` is empty: a constructor may need what it does not get.
        first = handler.constructor().parameters
        about = docstring.parse(handler.cls.__doc__)
        made = docstring.parse(getattr(vars(handler.cls).get("__init__"), "__doc__", None))
        texts = {**about.attributes, **about.parameters, **made.parameters, **texts}
        parameters = first + ([] if only else parameters)
    if own.star:
        schemas.warnings.append(f"`*{own.star}` of `{name}` receives nothing: inputs have names")
    if only is not None and parameters == [only]:
        inputs = _whole(schemas, only)
    elif only is not None:
        inputs = _object(schemas, parameters, texts)
        inputs["additionalProperties"] = True
    else:
        inputs = _object(schemas, parameters, texts)
        inputs["additionalProperties"] = _extra(schemas, own)
    if schemas.defs:
        inputs["$defs"] = schemas.defs
    outputs = _outputs(own.returns, doc, schemas)
    return {
        "inputs_schema": inputs,
        "outputs_schema": outputs,
        "description": doc.description,
        "warnings": schemas.warnings,
    }


def _docstring(function):
    function = getattr(function, "__func__", function)
    if hasattr(function, "func") and not hasattr(function, "__code__"):  # functools.partial
        function = function.func
    return getattr(function, "__doc__", None)


def _extra(schemas, signature):
    """`additionalProperties` of a signature: false, or what its **kwargs take."""
    if signature.extra is None:
        return False
    if signature.extra is EMPTY:
        return True
    return schemas.of(signature.extra, "**kwargs") or True


def _whole(schemas, only):
    """The schema where one parameter takes the whole object."""
    if only.hint is EMPTY:
        return {"type": "object"}
    schema = schemas.of(only.hint, f"`{only.name}`")
    schema = schemas.opened(schema)
    if "type" not in schema and "$ref" not in schema and "anyOf" not in schema:
        schema = {"type": "object", **schema}
    return schema


def _object(schemas, parameters, texts):
    properties, required = {}, []
    for parameter in parameters:
        if parameter.name in properties:
            raise HandlerError(f"`{parameter.name}` is a parameter twice")
        properties[parameter.name] = _property(schemas, parameter, texts.get(parameter.name))
        if parameter.default is EMPTY:
            required.append(parameter.name)
    schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return schema


def _property(schemas, parameter, text):
    where = f"`{parameter.name}`"
    if parameter.hint is EMPTY:
        schemas.warnings.append(f"{where} has no type hint: any value is taken for it")
        schema = {}
    else:
        schema = schemas.of(parameter.hint, where)
    if parameter.field is not None:
        says = hints.Metadata([parameter.field])
        schema = schemas.with_metadata(schema, says)
        if says.foreign:
            schemas.warnings.append(
                f"{where}: its field has parts that only Annotated[...] applies"
            )
    alias = parameter.field is not None and getattr(parameter.field, "alias", None)
    if alias:
        schemas.warnings.append(f"{where}: an alias of a parameter is not used")
    if parameter.default is None and not schemas.allows_null(schema):
        schema = schemas.nullable(schema)
    schema = schemas.with_text(schema, text)
    if parameter.default is not EMPTY:
        default = json_default(parameter.default)
        if default is EMPTY:
            schemas.warnings.append(f"{where} has a default without a JSON form; it is not shown")
        else:
            schema = {**schema, "default": default}
    return schema


def _outputs(hint, doc, inputs):
    """The outputs schema, or None where the return annotation tells nothing."""
    base = hints.unwrap(hint)[0] if hint is not EMPTY else EMPTY
    if base in _NOTHING_TOLD:
        return None
    schemas = Schemas("output")
    schema = schemas.of(hint, "the return value")
    inputs.warnings += [x for x in schemas.warnings if x not in inputs.warnings]
    if not schema:
        return None
    schema = schemas.with_text(schema, doc.returns)
    schema = schemas.opened(schema)
    if schemas.defs:
        schema["$defs"] = schemas.defs
    return schema
