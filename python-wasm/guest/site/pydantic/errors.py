"""Errors about how models are written, as opposed to `ValidationError` about data."""


class PydanticErrorMixin:
    """An error with a code."""

    def __init__(self, message, *, code=None):
        self.message, self.code = message, code

    def __str__(self):
        return self.message


class PydanticUserError(PydanticErrorMixin, TypeError):
    """A model, validator or argument that is written wrongly."""


class PydanticUndefinedAnnotation(PydanticErrorMixin, NameError):
    """An annotation that names what does not exist."""

    def __init__(self, name, message):
        super().__init__(message, code="undefined-annotation")
        self.name = name


class PydanticSchemaGenerationError(PydanticUserError):
    """A type that cannot be validated."""

    def __init__(self, message):
        super().__init__(message, code="schema-for-unknown-type")


class PydanticInvalidForJsonSchema(PydanticUserError):
    """A type that has no JSON Schema."""

    def __init__(self, message):
        super().__init__(message, code="invalid-for-json-schema")


def unsupported(what):
    """The error for what the stand-in leaves out."""
    return NotImplementedError(
        f"{what} is not supported: the sandbox carries a stand-in for pydantic, "
        "whose limits are listed in docs/pydantic.md"
    )
