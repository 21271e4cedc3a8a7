"""Alias generators and alternatives."""

from .errors import unsupported


class AliasGenerator:
    """Functions that make aliases from field names."""

    __slots__ = ("alias", "validation_alias", "serialization_alias")

    def __init__(self, alias=None, validation_alias=None, serialization_alias=None):
        self.alias = alias
        self.validation_alias, self.serialization_alias = validation_alias, serialization_alias


def AliasChoices(first, *others):  # noqa: N802 (a class in pydantic)
    """Several names that an input may have, in order."""
    if not all(isinstance(x, str) for x in (first, *others)):
        raise unsupported("AliasChoices of anything but names")
    return (first, *others)
