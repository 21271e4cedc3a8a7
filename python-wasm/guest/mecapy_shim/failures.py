"""What went wrong, as the host is told: the author's frames and nothing of the shim's."""

from builtins import BaseException, ModuleNotFoundError, getattr, isinstance, len, str, type
from traceback import TracebackException

from wit_world.imports import types

from .encode import NotJson, encode
from .handler import HandlerError, InputError
from .loading import NoHandler

_Failure, _Kind, _Missing = types.Failure, types.FailureKind, types.MissingModule
_TracebackException = TracebackException

# Longest message and traceback, in characters: the rest is cut.
MOST_MESSAGE = 8 * 1024
MOST_TRACEBACK = 64 * 1024

# Innermost frames that are shown of a long traceback.
MOST_FRAMES = 50

_SHIM = ("/0/", "/world/", "/bundled/", "<frozen ")


def failure(error):
    """The WIT record for anything raised, however it lies about itself."""
    try:
        return _told(error)
    except BaseException:
        return _Failure(_Kind.RAISED, "Exception", "raised, and does not say what", None, None, None)


def _told(error):
    if isinstance(error, InputError):
        return _plain(_Kind.INVALID_INPUTS, error, encode(error.violations))
    if isinstance(error, NotJson):
        return _plain(_Kind.INVALID_OUTPUTS, error)
    if isinstance(error, (NoHandler, HandlerError)):
        return _plain(_Kind.NO_HANDLER, error)
    missing = None
    if isinstance(error, ModuleNotFoundError) and type(getattr(error, "name", None)) is str:
        file, line = _innermost(error)
        missing = _Missing(error.name, file, line)
    return _Failure(
        _Kind.RAISED, _class(error), _message(error), _traceback(error), None, missing
    )


def too_large(size, limit):
    """The WIT record for a result over its limit."""
    message = f"the result is {size} characters of JSON: at most {limit} bytes"
    return _Failure(_Kind.OUTPUT_TOO_LARGE, "", message, None, None, None)


def _plain(kind, error, violations=None):
    return _Failure(kind, _class(error), _message(error), None, violations, None)


def _class(error):
    # By the descriptor of `type` itself: a metaclass may answer anything.
    return clean(_name_of(type(error)), 200)


_name_of = type.__dict__["__name__"].__get__


def _message(error):
    try:
        text = str(error)
    except BaseException:
        return "<no message: its __str__ raised>"
    if type(text) is not str:
        text = str.__str__(text)
    return clean(text, MOST_MESSAGE)


def clean(text, most):
    """Text that is UTF-8, and not longer than `most` characters."""
    if len(text) > most:
        text = text[:most] + " …"
    return text.encode("utf-8", "replace").decode()


def _traceback(error):
    try:
        found = _TracebackException(
            type(error), error, _authors(error.__traceback__), limit=-MOST_FRAMES, compact=True
        )
        _without_machinery(found)
        text = "".join(found.format())
    except BaseException:
        return None
    text = text.replace('File "/app/', 'File "').replace('File "/deps/', 'File "deps/')
    return clean(text.rstrip(), MOST_TRACEBACK)


def _without_machinery(found):
    """Takes the import system's own frames out, causes' and contexts' too."""
    while found is not None:
        stack = found.stack
        stack[:] = [frame for frame in stack if not frame.filename.startswith(_MACHINERY)]
        found = found.__cause__ or found.__context__


_MACHINERY = ("<frozen ", "/python/importlib/")


def _authors(frame):
    """The traceback from the first frame that is not the shim's."""
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(_SHIM):
        frame = frame.tb_next
    return frame


def _innermost(error):
    """File and line of the innermost frame that is the package's or a dependency's."""
    frame, found = error.__traceback__, (None, None)
    while frame is not None:
        file = frame.tb_frame.f_code.co_filename
        if file.startswith("/app/"):
            found = (file.removeprefix("/app/"), frame.tb_lineno)
        elif file.startswith("/deps/"):
            found = (file.removeprefix("/"), frame.tb_lineno)
        frame = frame.tb_next
    return found
