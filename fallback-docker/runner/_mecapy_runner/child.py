"""The process of one call: made ready, its handler imported, then told what to do.

It ends by `_exit` in every case: nothing of the nursery's, which it is a copy of, runs here.
"""

import gc
import json
import os
import random
import resource
import signal
import sys
import time
import types

from . import channel as channels
from . import roots, seccomp, shim, stand_ins, system
from .frames import MAX_BYTES_FRAME

MOST_OPEN_FILES = 1024

# What a call has no use for, or would tell it of the container it is in.
_HIDDEN = ("PYTHONHASHSEED", "HOSTNAME", "MECAPY_")

_DETERMINISTIC_SEED = 0


class Pipes:
    """The child's ends: standard output and error, what it says, and what it is told."""

    def __init__(self, stdout, stderr, said, heard):
        self.stdout, self.stderr, self.said, self.heard = stdout, stderr, said, heard


def run(exports, pipes, not_mine, order, filter_program, deterministic):
    """Lives the whole life of a call's process. Does not return.

    `not_mine` are descriptors of the nursery's.
    """
    try:
        signal.set_wakeup_fd(-1)
        for fd in not_mine:
            os.close(fd)
        gc.enable()
        _leave_the_nursery(pipes, filter_program)
        channel = channels.Channel(pipes.said, pipes.heard)
        stand_ins.channel = channel
        sys.stdout = sys.__stdout__ = channels.text_stream(channel, "stdout", 1)
        sys.stderr = sys.__stderr__ = channels.text_stream(channel, "stderr", 2)
        _begin_anew(deterministic)
        failure, load_ms = _load(exports, order)
        channel.tell({"type": "loaded", "ms": load_ms})
        message, data = channel.receive_order()
        outcome, result = _operate(exports, order, message, data, failure)
        if not channel.is_mine():  # a process that the handler forked came back with it
            os._exit(0)
        _flush()
        channel.tell(outcome, result)
        os._exit(0)
    except BaseException:
        # Only what broke its own streams comes here, or a fault of the runner's.
        os._exit(70)


def _leave_the_nursery(pipes, filter_program):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A session of its own: a signal to its process group reaches nobody else.
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for fd, standard in ((null, 0), (pipes.stdout, 1), (pipes.stderr, 2)):
        os.dup2(fd, standard)
    for fd in (null, pipes.stdout, pipes.stderr):
        os.close(fd)
    # `/proc/self` belongs to root while the process may not be traced.
    system.set_dumpable(True)
    system.set_name(b"call")
    # The kernel, out of memory, takes the call first.
    system.write("/proc/self/oom_score_adj", b"1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    seccomp.install(filter_program)


def _begin_anew(deterministic):
    """Gives the process a program's usual surroundings, and randomness of its own."""
    for name in list(os.environ):
        if name.startswith(_HIDDEN):
            del os.environ[name]
    sys.argv[:] = [""]
    # The runner's own command.
    sys.orig_argv = [""]
    sys.path.insert(0, roots.APP)
    # Without a file, so that `multiprocessing` does not start the runner again.
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.chdir(roots.APP)
    if deterministic:
        _fix_entropy()
    from mecapy_shim import randomness

    randomness.begin()
    random.seed()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed(list(memoryview(os.urandom(16)).cast("I")))


def _fix_entropy():
    """Makes what Python draws of the system's entropy the same in every call.

    Clocks go on, other than in the sandbox: a real machine's libraries wait by them.
    """
    source = random.Random(_DETERMINISTIC_SEED)

    def urandom(size, /):
        """A bytes-like object with fixed "random" bytes: the call is deterministic."""
        return source.getrandbits(8 * size).to_bytes(size, "little") if size else b""

    os.urandom = random._urandom = urandom


def _load(exports, order):
    """Imports the handler, if there is one; the failure, and how long it took."""
    if order["handler"] is None:
        return None, 0.0
    begun, failure = time.perf_counter(), None
    try:
        exports.load(shim.target(order["handler"]), shim.left_out(order["left_out"]))
    except stand_ins.Err as error:
        failure = error.value
    return failure, 1e3 * (time.perf_counter() - begun)


def _operate(exports, order, message, data, failure):
    """What the supervisor wants done; the outcome, and the result's bytes."""
    operation, most = message["operation"], message["output_bytes"]
    try:
        if operation in ("call", "describe"):
            if order["handler"] is None:
                return _no_handler(), None
            if failure is not None:
                return _failed(failure), None
        text = _text(exports, operation, order, data, most)
    except stand_ins.Err as error:
        return _failed(error.value), None
    result = text.encode()
    if len(result) > min(most, MAX_BYTES_FRAME):
        from mecapy_shim import failures

        return _failed(failures.too_large(len(result), most)), None
    return {"type": "outcome", "ok": True}, result


def _text(exports, operation, order, data, most):
    if operation == "call":
        return exports.call(data.decode(), most)
    if operation == "describe":
        return exports.describe()
    if operation == "inspect":
        return exports.inspect(data.decode())
    if os.path.isdir(roots.PYTEST):
        sys.path.append(roots.PYTEST)
    return exports.test([] if order["handler"] else shim.left_out(order["left_out"]))


def _failed(failure):
    told = {
        "kind": failure.kind.value,
        "class": failure.class_,
        "message": failure.message,
        "traceback": failure.traceback,
    }
    if failure.violations is not None:
        told["violations"] = json.loads(failure.violations)
    missing = failure.missing
    if missing is not None:
        told["missing"] = {"name": missing.name, "file": missing.file, "line": missing.line}
    return {"type": "outcome", "ok": False, "failure": told}


def _no_handler():
    message = "the container was prepared without a handler"
    failure = {"kind": "no_handler", "class": "NoHandler", "message": message}
    return {"type": "outcome", "ok": False, "failure": failure}


def _flush():
    """Sends on what was printed and is still kept, by Python and by C code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:  # the author may have put anything there
            pass
    system.flush_c_streams()
