"""What a validation carries with it, and what validator functions are told."""

EXACT, STRICT, LAX = 2, 1, 0


class State:
    """One validation's settings; `exactness` tells a union how well a member fitted."""

    __slots__ = (
        "strict", "mode", "context", "from_attributes", "exactness", "fields_set", "data",
        "field_name", "instance", "config",
    )  # fmt: skip

    def __init__(self, strict=None, mode="python", context=None, from_attributes=None):
        self.strict, self.mode, self.context = strict, mode, context
        self.from_attributes = from_attributes
        self.exactness, self.fields_set = EXACT, 0
        self.data = self.field_name = self.instance = self.config = None

    def floor(self, level):
        """A value was changed; no better fit than `level`."""
        if level < self.exactness:
            self.exactness = level

    def info(self):
        """What a validator function gets as its second argument."""
        return ValidationInfo(self.context, self.config, self.mode, self.data, self.field_name)


class ValidationInfo:
    """What a validator may know of the validation it is part of."""

    __slots__ = ("context", "config", "mode", "data", "field_name")

    def __init__(self, context, config, mode, data, field_name):
        self.context, self.config, self.mode = context, config, mode
        self.data, self.field_name = data, field_name

    def __repr__(self):
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"ValidationInfo({parts})"


FieldValidationInfo = ValidationInfo


def positional_count(function, most):
    """How many of `most` positional arguments a function takes."""
    import inspect

    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built-ins without a signature take the value
        return 1
    count = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return most
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            # `int(x, base=10)`: a default past the first means that it is not for us.
            if count == 0 or parameter.default is parameter.empty:
                count += 1
    return min(count, most)
