"""Where things are in the container. Other places, for tests, only outside of one."""

import os

CONTAINED = os.getpid() == 1
"""Whether this is process 1, of a container of its own: found out once, before any fork.

Everything that would reach beyond the runner's own processes and folders asks this first.
"""


def _place(name, default):
    return default if CONTAINED else os.environ.get("MECAPY_RUNNER_" + name, default)


_HOME = "/opt/mecapy"

APP = _place("APP", "/app")
DEPS = _place("DEPS", "/deps")
GUEST = _place("GUEST", _HOME + "/guest")
TMP = _place("TMP", "/tmp")
PYTEST = _place("PYTEST", _HOME + "/pytest")
MATPLOTLIB = _place("MATPLOTLIB", _HOME + "/matplotlib")
"""A font cache that the image has made; matplotlib wants it in a folder that can be written to."""

RUNNER = os.path.dirname(os.path.abspath(__file__))

if CONTAINED:
    SWEPT = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock")
else:
    SWEPT = tuple(x for x in os.environ.get("MECAPY_RUNNER_SWEPT", "").split(":") if x)
"""Folders that are emptied after each call, those of them that can be written to."""

REST_SECONDS = float(_place("REST_SECONDS", "10"))
"""How long a process that waits for its call may go on with what its import has begun."""
