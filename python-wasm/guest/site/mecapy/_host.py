"""The host's side of `mecapy`, and what stands in for it outside the sandbox.

The only module that knows which of the two it is: the others see `log`, `report`, `open`
and `create`, and files with `read`, or `write`, `finish` and `drop`.
"""

import builtins
import errno
import os
import sys
import tempfile

try:
    from componentize_py_types import Err as _Err
    from wit_world.imports import files as _files
    from wit_world.imports import log as _log
    from wit_world.imports import progress as _progress
except ImportError:
    _files = None

LEVELS = ("debug", "info", "warning", "error")

CHUNK = 1 << 20
"""Bytes that the host reads at a time, at most."""

NOT_A_KEY = "is not a file key: a key is a relative path such as `results/mesh.msh`, without `..`"


def _parts(key):
    """The parts of a key. Raises as the host does where it is none."""
    if not isinstance(key, str):
        raise TypeError(f"a file key is a str, not {type(key).__name__}")
    parts = key.split("/")
    if "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{key!r} {NOT_A_KEY}")
    return parts


if _files is not None:
    _LEVELS = {name: getattr(_log.Level, name.upper()) for name in LEVELS}

    def log(level, message):
        # Text that is no UTF-8 cannot cross over.
        _log.write(_LEVELS[level], message.encode("utf-8", "backslashreplace").decode())

    def report(fraction, message):
        _progress.report(fraction, message.encode("utf-8", "backslashreplace").decode())

    def _asked(key, function, *arguments):
        """The host's answer; its errors are raised as Python's own."""
        try:
            return function(*arguments)
        except _Err as error:
            problem = error.value
        if isinstance(problem, _files.Error_NotFound):
            raise FileNotFoundError(errno.ENOENT, "no such file among the call's files", key)
        if isinstance(problem, _files.Error_InvalidKey):
            raise ValueError(f"{key!r} {NOT_A_KEY}")
        raise OSError(errno.EIO, getattr(problem, "value", "unavailable"), key)

    class _Handle:
        """A resource of the host's, let go of by `drop`."""

        def __init__(self, key, resource):
            self.key, self.resource = key, resource

        def drop(self):
            resource, self.resource = self.resource, None
            if resource is not None:
                resource.__exit__(None, None, None)

    class _Reader(_Handle):
        def read(self, length):
            return _asked(self.key, self.resource.read, min(length, CHUNK))

    class _Writer(_Handle):
        def write(self, data):
            _asked(self.key, self.resource.write, bytes(data))

        def finish(self):
            _asked(self.key, self.resource.finish)

    def open(key):
        _parts(key)
        return _Reader(key, _asked(key, _files.open, key))

    def create(key):
        _parts(key)
        return _Writer(key, _asked(key, _files.create, key))

else:

    def log(level, message):
        print(f"{level.upper():7} {message}", file=sys.stderr)

    def report(fraction, message):
        print(f"{fraction:7.0%} {message}".rstrip(), file=sys.stderr)

    class _Reader:
        def __init__(self, key):
            self.file = builtins.open(os.path.join(*_parts(key)), "rb")

        def read(self, length):
            return self.file.read(length)

        def drop(self):
            self.file.close()

    class _Writer:
        """Writes beside the file, which is there when it is finished and not before."""

        def __init__(self, key):
            self.path = os.path.join(*_parts(key))
            folder = os.path.dirname(self.path)
            if folder:
                os.makedirs(folder, exist_ok=True)
            handle, self.part = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder or ".")
            self.file = os.fdopen(handle, "wb")

        def write(self, data):
            self.file.write(data)

        def finish(self):
            self.file.close()
            os.replace(self.part, self.path)
            self.part = None

        def drop(self):
            self.file.close()
            if self.part is not None:
                os.unlink(self.part)
                self.part = None

    def open(key):
        return _Reader(key)

    def create(key):
        return _Writer(key)
