"""Stand-ins of componentize-py's modules, which the shim and `mecapy` import.

What they tell and ask goes through the call's channel. Until there is one, while a
dependency is imported ahead, messages go to standard error, and there are no files.
"""

import enum
import sys
import types

from .messages import MOST_KEY

MOST_MESSAGE = 1 << 20
"""Characters of a message: as much as a call's log holds altogether."""

channel = None


class Err(Exception):
    """An error of the WIT world, as a value."""

    def __init__(self, value=None):
        super().__init__(value)
        self.value = value


class Level(enum.Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _write(level, message):
    if channel is None or not channel.is_mine():
        print(f"{level.name:7} {message}", file=sys.stderr)
        return
    _tell({"type": "log", "level": level.value}, message)


def _report(fraction, message):
    if channel is not None and channel.is_mine() and fraction == fraction:
        fraction = min(max(float(fraction), 0.0), 1.0)
        _tell({"type": "progress", "fraction": fraction}, message)


def _tell(told, message):
    """Tells a message, cut where it is too long, or is as JSON."""
    for most in (MOST_MESSAGE, MOST_MESSAGE // 8):
        told["message"] = message if len(message) <= most else message[:most] + " …"
        try:
            channel.tell(told)
            return
        except ValueError:
            continue


class ErrorNotFound:
    """There is no such file."""


class ErrorInvalidKey:
    """The key is none."""


class ErrorUnavailable:
    """The storage could not serve it; `value` says why."""

    def __init__(self, value):
        self.value = value


_ERRORS = {"not_found": ErrorNotFound, "invalid_key": ErrorInvalidKey}


def _ask(message, data=None):
    if channel is None or not channel.is_mine():
        raise Err(ErrorUnavailable("files can be reached in the call's own process only"))
    answer, content = channel.ask(message, data)
    if answer["type"] == "refused":
        made = _ERRORS.get(answer["kind"])
        raise Err(made() if made else ErrorUnavailable(answer["message"]))
    return answer, content


class _Resource:
    def __init__(self, handle):
        self._handle = handle

    def __enter__(self):
        return self

    def __exit__(self, *_):
        handle, self._handle = self._handle, None
        if handle is not None and channel is not None and channel.is_mine():
            channel.drop(handle)


class Reader(_Resource):
    """A file that is read."""

    def read(self, length):
        return _ask({"type": "read", "handle": self._handle, "length": length})[1]


class Writer(_Resource):
    """A file that is written."""

    def write(self, data):
        _ask({"type": "write", "handle": self._handle}, data)

    def finish(self):
        _ask({"type": "finish", "handle": self._handle})


def _open(key):
    return Reader(_ask({"type": "open", "key": _checked(key)})[0]["handle"])


def _create(key):
    return Writer(_ask({"type": "create", "key": _checked(key)})[0]["handle"])


def _checked(key):
    if type(key) is not str or len(key) > MOST_KEY:
        raise Err(ErrorInvalidKey())
    return key


class FailureKind(enum.Enum):
    RAISED = "raised"
    INVALID_INPUTS = "invalid_inputs"
    INVALID_OUTPUTS = "invalid_outputs"
    OUTPUT_TOO_LARGE = "output_too_large"
    NO_HANDLER = "no_handler"


class Failure:
    """Why a call failed, as `world.wit` has it."""

    def __init__(self, kind, class_, message, traceback, violations, missing):
        self.kind, self.class_, self.message = kind, class_, message
        self.traceback, self.violations, self.missing = traceback, violations, missing


class MissingModule:
    """A module that could not be found, and who wanted it."""

    def __init__(self, name, file, line):
        self.name, self.file, self.line = name, file, line


def install():
    """Puts the modules where they are imported from."""
    imports = _module(
        "wit_world.imports",
        log=_module("wit_world.imports.log", Level=Level, write=_write),
        progress=_module("wit_world.imports.progress", report=_report),
        files=_module(
            "wit_world.imports.files",
            Error_NotFound=ErrorNotFound,
            Error_InvalidKey=ErrorInvalidKey,
            Error_Unavailable=ErrorUnavailable,
            Reader=Reader,
            Writer=Writer,
            open=_open,
            create=_create,
        ),
        types=_module(
            "wit_world.imports.types",
            Failure=Failure,
            FailureKind=FailureKind,
            MissingModule=MissingModule,
        ),
    )
    _module("wit_world", imports=imports)
    _module("componentize_py_types", Err=Err)


def _module(name, **members):
    module = types.ModuleType(name)
    module.__path__ = []  # so that the parts of `wit_world` are looked for in `sys.modules`
    vars(module).update(members)
    sys.modules[name] = module
    return module
