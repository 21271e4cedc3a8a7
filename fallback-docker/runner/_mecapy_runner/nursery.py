"""The process that calls are forked from: has the slow imports, and none of any call's data.

Told by the supervisor over a socket whose messages keep their bounds: `clear` what is left
of a call and fork the next one, `rest` and `wake` the one that waits. Tells it of the processes' ends by itself.
"""

import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys

from . import child, roots, seccomp, shim, sweep, system

_MOST_MESSAGE = 1 << 16

_HALTS = {"rest": signal.SIGSTOP, "wake": signal.SIGCONT}


class Nursery:
    """The nursery's life, from its own fork on."""

    def __init__(self, control, order):
        self.control, self.order = control, order
        self.exports = None
        self.folders = sweep.Folders()
        self.filter = None
        self.wake = self.waking = None  # the pipe that signals write to
        self.standing = None
        self.pid = None  # of the call's process
        self.end = None  # what is known of its end
        self.swept = 0

    def live(self):
        """Answers the supervisor until it closes the socket. Does not return."""
        try:
            self._settle()
            preloaded = self._preload()
            self._tell({"type": "prepared", "preloaded": preloaded})
            self._fork(False)
            self._serve()
        except sweep.Unclean as error:
            self._tell({"type": "unclean", "why": str(error)})
            os._exit(1)
        except OSError as error:
            self._tell({"type": "unclean", "why": "the runner failed: %s" % error})
            os._exit(1)
        os._exit(0)

    def _settle(self):
        os.setsid()
        system.adopt_orphans()
        system.set_name(b"nursery")
        self.filter = seccomp.program((os.getppid(), os.getpid()))
        self.wake, self.waking = os.pipe()
        for fd in (self.wake, self.waking):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self.waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _preload(self):
        """Imports the shim, and what the host names; the names that could be imported."""
        _set_environment()
        self._furnish()
        self.exports = shim.install()
        loaded = []
        for name in self.order["preload"]:
            try:
                importlib.import_module(name)
            except BaseException as error:
                print("preload of %s: %r" % (name, error), file=sys.stderr)
            else:
                loaded.append(name)
        # From here on nothing is collected: that would touch, and so copy, all of its pages
        # in each child. A child has its own objects collected.
        gc.collect()
        gc.freeze()
        gc.disable()
        self.standing = sweep.standing()
        return loaded

    def _furnish(self):
        """Puts into the folders what calls find there."""
        if os.path.isdir(roots.MATPLOTLIB):
            shutil.copytree(roots.MATPLOTLIB, roots.TMP + "/matplotlib", dirs_exist_ok=True)

    def _serve(self):
        control = self.control.fileno()
        poll = select.poll()
        poll.register(control, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.wake:
                    sweep.hush(self.wake)
                    self._reap()
                    self._tell_end()
                    continue
                text = self.control.recv(_MOST_MESSAGE)
                if not text:
                    sweep.end_processes(self._reap, self.wake)
                    return
                message = json.loads(text)
                if message["type"] in _HALTS:
                    self._halt(_HALTS[message["type"]])
                    continue
                self._clear()
                self._fork(message["deterministic"])

    def _halt(self, number):
        """Halts the process that waits for its call, or lets it go on."""
        if self.pid is not None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # it has no group yet
                pass

    def _clear(self):
        """Ends what is left of a call, and takes away what it wrote."""
        self.swept = 0
        # The call's own process is to end in any case, and is no process that was left.
        ended_before = self.end is not None
        sweep.end_processes(self._reap_counting, self.wake)
        if not ended_before:
            self.swept -= 1
            self._tell_end()
        self.folders.empty()
        self._furnish()
        if sweep.standing() != self.standing:
            raise sweep.Unclean("the call changed limits of the runner")
        self._tell({"type": "cleared", "swept": max(self.swept, 0)})

    def _reap_counting(self):
        return self._reap(counted=True)

    def _reap(self, counted=False):
        """Reaps what has ended. Whether any child is left."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self.swept += counted
            if pid == self.pid:
                self.end = {
                    "type": "ended",
                    "status": status,
                    "cpu_ms": 1e3 * (used.ru_utime + used.ru_stime),
                    "peak_memory_bytes": used.ru_maxrss << 10,
                }

    def _tell_end(self):
        if self.end is not None and self.pid is not None:
            self.pid = None
            self._tell(self.end)

    def _fork(self, deterministic):
        sys.stdout.flush()
        sys.stderr.flush()
        ours, theirs = [], []
        for child_writes in (True, True, True, False):
            read, written = os.pipe()
            ours.append(read if child_writes else written)
            theirs.append(written if child_writes else read)
        self.end = None
        self.pid = pid = os.fork()
        if pid == 0:
            not_mine = (*ours, self.wake, self.waking, self.control.fileno())
            child.run(
                self.exports, child.Pipes(*theirs), not_mine, self.order, self.filter, deterministic
            )
        for fd in theirs:
            os.close(fd)
        self._tell({"type": "forked", "deterministic": deterministic}, ours)
        for fd in ours:
            os.close(fd)

    def _tell(self, message, fds=()):
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()], list(fds))
        except (BrokenPipeError, ConnectionResetError):  # the supervisor is gone
            os._exit(0)


def _set_environment():
    """What has to be known before numerical libraries are imported."""
    cpus = os.environ.get("MECAPY_CPUS", "1")
    for name in ("OPENBLAS", "OMP", "MKL", "NUMEXPR", "BLIS", "VECLIB_MAXIMUM"):
        os.environ[name + "_NUM_THREADS"] = cpus
    os.environ["HOME"] = os.environ["TMPDIR"] = roots.TMP
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["MPLCONFIGDIR"] = roots.TMP + "/matplotlib"
