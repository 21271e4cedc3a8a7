"""`ConfigDict` and what of it this stand-in carries out."""

from typing import Any, TypedDict

from .errors import unsupported


class ConfigDict(TypedDict, total=False):
    """A model's settings. What is not here raises when the model is made."""

    title: str
    extra: str
    frozen: bool
    populate_by_name: bool
    validate_by_name: bool
    validate_by_alias: bool
    serialize_by_alias: bool
    str_strip_whitespace: bool
    str_to_lower: bool
    str_to_upper: bool
    str_min_length: int
    str_max_length: int
    coerce_numbers_to_str: bool
    validate_assignment: bool
    validate_default: bool
    validate_return: bool
    use_enum_values: bool
    arbitrary_types_allowed: bool
    strict: bool
    from_attributes: bool
    alias_generator: Any
    json_schema_extra: Any
    revalidate_instances: str
    allow_inf_nan: bool
    use_attribute_docstrings: bool
    protected_namespaces: Any
    hide_input_in_errors: bool
    defer_build: bool


# Settings that change nothing here: warnings that are not given, speed, wording.
_WITHOUT_EFFECT = {"protected_namespaces", "defer_build", "cache_strings", "ser_json_inf_nan"}
_DEFAULTS_ONLY = {
    "revalidate_instances": "never",
    "use_attribute_docstrings": False,
    "hide_input_in_errors": False,
    "validate_by_alias": True,
    "ser_json_inf_nan": "null",
    "ser_json_timedelta": "iso8601",
    "ser_json_bytes": "utf8",
    "val_json_bytes": "utf8",
}


def checked(config):
    """A config as given. Raises for settings that the stand-in would not follow."""
    for name, value in config.items():
        if name in _DEFAULTS_ONLY:
            if value != _DEFAULTS_ONLY[name]:
                raise unsupported(f"model_config[{name!r}] = {value!r}")
        elif name not in ConfigDict.__annotations__ and name not in _WITHOUT_EFFECT:
            raise unsupported(f"model_config[{name!r}]")
    if config.get("extra") not in (None, "ignore", "allow", "forbid"):
        raise unsupported(f"extra={config['extra']!r}")
    return config


def with_config(config=None, /, **settings):
    """Attach a config to a dataclass or TypedDict."""
    given = checked(dict(config or {}, **settings))

    def attach(cls):
        cls.__pydantic_config__ = given
        return cls

    return attach
