"""The exports of the world: each answers, or raises the WIT failure.

What a call needs is bound here when the image is made: a handler that replaces `json` or
a builtin changes its own view of them, not the shim's.
"""

from builtins import BaseException, len
from json import JSONDecoder

from componentize_py_types import Err

from . import keeping, loading
from .check import inspect_package
from .encode import encode
from .failures import failure, too_large
from .testing import run_tests

_decode = JSONDecoder().decode
_handler = None


def load(handler, left_out):
    """Imports the handler."""
    global _handler
    try:
        loading.begin()
        loading.leave_out(left_out)
        _handler = loading.find(handler.path, handler.callable, handler.init)
        keeping.handler_is_loaded()
    except BaseException as error:
        raise Err(failure(error)) from None


def call(inputs, output_limit):
    """Calls the loaded handler."""
    try:
        loading.begin_call()
        text = encode(_handler.call(_decode(inputs)))
    except BaseException as error:
        raise Err(failure(error)) from None
    if len(text) > output_limit:
        raise Err(too_large(len(text), output_limit))
    return text


def describe():
    """Schemas and documentation of the loaded handler."""
    try:
        return encode(_handler.describe())
    except BaseException as error:
        raise Err(failure(error)) from None


def settle():
    """Readies the interpreter, its handler loaded, to be kept as the start of calls."""
    try:
        return encode(keeping.settle())
    except BaseException as error:
        raise Err(failure(error)) from None


def wake():
    """Once nothing is open any more: leaves as little as can be to each call."""
    keeping.wake()
    keeping.get_ready()


def inspect(policy):
    """Syntax, policy and imports of the package's own code, without running it."""
    try:
        return encode(inspect_package(_decode(policy)))
    except BaseException as error:
        raise Err(failure(error)) from None


def test(left_out):
    """Runs the package's tests."""
    try:
        loading.begin()
        loading.leave_out(left_out)
        return encode(run_tests())
    except BaseException as error:
        raise Err(failure(error)) from None
