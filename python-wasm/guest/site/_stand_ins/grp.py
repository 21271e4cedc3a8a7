"""Stands in for the group database: it knows the group of the sandbox's one user."""

from typing import NamedTuple


class struct_group(NamedTuple):  # noqa: N801, the name that Python gives it
    """One group."""

    gr_name: str
    gr_passwd: str
    gr_gid: int
    gr_mem: list


_GROUP = struct_group("sandbox", "x", 0, [])


def getgrgid(gid):
    """The group with this number."""
    if gid != _GROUP.gr_gid:
        raise KeyError(f"getgrgid(): gid not found: {gid}")
    return _GROUP


def getgrnam(name):
    """The group with this name."""
    if name != _GROUP.gr_name:
        raise KeyError(f"getgrnam(): name not found: {name!r}")
    return _GROUP


def getgrall():
    """All groups."""
    return [_GROUP]
