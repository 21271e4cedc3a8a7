"""What Python packages expect of a system and WASI lacks, filled in before the image is taken.

Two kinds: what has an answer in a sandbox gives it (there is one user, one processor and
`/tmp`), and what has none says so in words an author understands, where WASI would say
`Permission denied` or find no attribute. Modules that WASI has no part of, and that
packages import without asking, have a stand-in in `site/_stand_ins`.
"""

import asyncio
import concurrent.futures
import errno
import importlib
import logging
import multiprocessing
import multiprocessing.context
import multiprocessing.process
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from asyncio import base_events, events

_THREADS = (
    "threads cannot be started in the sandbox: a call has one processor, and a thread would gain"
    " it nothing. Do the work in a plain loop, or choose `engine: docker` for the function"
)
_PROCESSES = (
    "the sandbox runs one process: do the work in a plain loop, or choose `engine: docker` for"
    " the function"
)
_PROGRAMS = "no program can be started in the sandbox"
_NETWORK = "there is no network in the sandbox: take it as an input, or through mecapy.files"
_NOTHING = "the code waits for something that cannot happen: a call has no network, and one thread"

_USER = 0  # as `os.stat` has it for every file

# Functions of `multiprocessing` that make something for more than one process.
_SHARED = """
    Array Barrier BoundedSemaphore Condition Event JoinableQueue Lock Manager Pipe Pool Queue
    RLock RawArray RawValue Semaphore SimpleQueue Value
""".split()

# What `_stand_ins` has, and modules that can be imported because of it.
_STAND_INS = ("_bz2", "_ctypes", "_multiprocessing", "grp", "pwd")
_STAND_ON_THEM = ("bz2", "ctypes", "multiprocessing.synchronize")


def install():
    """Fills the gaps. Once, when the image is made: it keeps nothing of any call."""
    _fill_os()
    _stand_in()
    _refuse_threads()
    _refuse_processes()
    _refuse_network()
    _run_coroutines()
    _forward_logging()
    tempfile.tempdir = "/tmp"


def _fill_os():
    """Names that WASI has no system call for, and an answer to."""
    answers = {
        "getuid": lambda: _USER,
        "geteuid": lambda: _USER,
        "getgid": lambda: _USER,
        "getegid": lambda: _USER,
        "getgroups": lambda: [_USER],
        "getppid": lambda: 1,
        "getlogin": lambda: "sandbox",
        "umask": lambda mask: 0o022,
        "cpu_count": lambda: 1,
        "process_cpu_count": lambda: 1,
    }
    for name, answer in answers.items():
        if not hasattr(os, name):
            answer.__name__ = answer.__qualname__ = name
            setattr(os, name, answer)
    os.cpu_count = answers["cpu_count"]


def _stand_in():
    """Gives missing modules a stand-in. All are in the image, and so need no file."""
    for name in _STAND_INS:
        try:
            importlib.import_module(name)
        except ImportError:
            module = importlib.import_module(f"_stand_ins.{name}")
            module.__name__ = name
            sys.modules[name] = module
    for name in _STAND_ON_THEM:
        importlib.import_module(name)


def _refuse_threads():
    def start(self):
        """Raises RuntimeError: a call has one thread."""
        raise RuntimeError(_THREADS)

    def submit(self, fn, /, *args, **kwargs):
        """Raises RuntimeError: a call has one thread."""
        raise RuntimeError(_THREADS)

    threading.Thread.start = start
    concurrent.futures.ThreadPoolExecutor.submit = submit


def _refuse_processes():
    def refuse(self, *args, **kwargs):
        """Raises OSError: there is one process."""
        raise OSError(errno.ENOTSUP, _PROCESSES)

    def popen(self, *args, **kwargs):
        """Raises OSError: there is nothing to start."""
        raise OSError(errno.ENOTSUP, _PROGRAMS)

    subprocess.Popen.__init__ = popen
    multiprocessing.process.BaseProcess.start = refuse
    context = multiprocessing.context
    for name in _SHARED:
        setattr(context.BaseContext, name, refuse)
        setattr(multiprocessing, name, getattr(context._default_context, name))
    context.BaseContext.cpu_count = lambda self: 1
    multiprocessing.cpu_count = context._default_context.cpu_count


def _refuse_network():
    def refuse(*args, **kwargs):
        """Raises OSError: there is no network."""
        raise OSError(errno.EACCES, _NETWORK)

    def unresolved(*args, **kwargs):
        """Raises OSError: there is no network."""
        raise socket.gaierror(socket.EAI_FAIL, _NETWORK)

    socket.socket.__init__ = refuse
    socket.socketpair = refuse
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"):
        setattr(socket, name, unresolved)


class Loop(base_events.BaseEventLoop):
    """An event loop for coroutines that compute and sleep: there is nothing else to wait for."""

    def __init__(self):
        super().__init__()
        self._selector = self
        # How much longer was slept than the clock tells: a deterministic call's stands still.
        self._ahead = 0.0

    def time(self):
        return time.monotonic() + self._ahead

    def select(self, timeout):
        """Lets the time pass until something is due; the place of a selector of sockets."""
        if timeout is None:
            raise RuntimeError(_NOTHING)
        if timeout > 0:
            due = self.time() + timeout
            time.sleep(timeout)
            self._ahead += max(due - self.time(), 0.0)
        return ()

    async def getaddrinfo(self, host, port, **kwargs):
        return socket.getaddrinfo(host, port)

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass


def _run_coroutines():
    """Makes `asyncio.run` use a loop that needs no sockets."""

    class Policy(getattr(events, "_BaseDefaultEventLoopPolicy", None) or events.BaseDefaultEventLoopPolicy):
        _loop_factory = Loop

    events._event_loop_policy = Policy()
    asyncio.EventLoop = asyncio.SelectorEventLoop = Loop


def _forward_logging():
    """Sends what is logged to the call's log, from INFO up."""
    import mecapy

    root = logging.getLogger()
    if not any(isinstance(handler, mecapy.HostHandler) for handler in root.handlers):
        root.addHandler(mecapy.HostHandler())
        root.setLevel(logging.INFO)
