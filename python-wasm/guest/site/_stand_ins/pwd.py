"""Stands in for the password database: it knows the one user that the sandbox has."""

from typing import NamedTuple


class struct_passwd(NamedTuple):  # noqa: N801, the name that Python gives it
    """One user."""

    pw_name: str
    pw_passwd: str
    pw_uid: int
    pw_gid: int
    pw_gecos: str
    pw_dir: str
    pw_shell: str


_USER = struct_passwd("sandbox", "x", 0, 0, "", "/tmp", "")


def getpwuid(uid):
    """The user with this number."""
    if uid != _USER.pw_uid:
        raise KeyError(f"getpwuid(): uid not found: {uid}")
    return _USER


def getpwnam(name):
    """The user with this name."""
    if name != _USER.pw_name:
        raise KeyError(f"getpwnam(): name not found: {name!r}")
    return _USER


def getpwall():
    """All users."""
    return [_USER]
