"""The parts of `pydantic.json_schema` that types carry."""

from .errors import unsupported

__all__ = ("WithJsonSchema",)


class WithJsonSchema:
    """A JSON Schema given by hand."""

    __slots__ = ("json_schema", "mode")

    def __init__(self, json_schema, mode=None):
        self.json_schema, self.mode = json_schema, mode


def __getattr__(name):
    if name in (
        "SkipJsonSchema",
        "Examples",
        "GenerateJsonSchema",
        "JsonSchemaValue",
        "models_json_schema",
    ):
        raise ImportError(str(unsupported(f"pydantic.json_schema.{name}")))
    raise AttributeError(f"module 'pydantic.json_schema' has no attribute {name!r}")
