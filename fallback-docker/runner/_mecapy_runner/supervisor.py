"""Process 1: between the host, the nursery and the call's process. Never blocks on any of them.

Owns the order of things: prepare, ready, and then run, outcome, idle, for one call at a time.
"""

import json
import os
import select
import signal
import socket
import sys
import time

from . import messages, roots, sweep
from .call import Call
from .frames import Broken, Outgoing, Reader, packed

_READ = 1 << 16

# What may wait for the host to read it before the call has to wait, too.
_MOST_OUTGOING = 1 << 20

# How long a process may be silent, its end not yet told, until its call is given up.
_SILENCE_SECONDS = 0.5


class Finished(Exception):
    """The host is gone, or nothing more can be done for it; `status` is the runner's."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Supervisor:
    """The state of one container.

    `state` is `preparing`, `idle`, `running`, `stopping` (the process is being killed, its
    outcome not yet told) or `clearing` (it is).
    """

    def __init__(self, host_in, host_out, control):
        self.host_in, self.control = host_in, control
        self.to_host = Outgoing(host_out)
        self.from_host = Reader()
        self.call = None
        self.end = None
        self.state = "preparing"
        self.preloaded = None
        self.order = None  # a `run` that waits for a process that fits it
        self.stop_asked = False  # while it waits
        self.swept = 0
        self.load_ms = 0.0
        self.standing = sweep.standing()
        self.rest_at = None  # when the process that waits is to be halted
        self._poll = select.poll()
        self._watched = {}

    def serve(self):
        """Serves the host. Ends by `Finished`."""
        while True:
            self._flush()
            self._watch_all()
            for fd, _ in self._poll.poll(self._timeout()):
                self._happened(fd)
            self._look_at_the_time()

    # What is waited for.

    def _watch_all(self):
        wanted = {self.host_in: select.POLLIN, self.control.fileno(): select.POLLIN}
        if self.to_host.size:
            wanted[self.to_host.fd] = select.POLLOUT
        call = self.call
        if call is not None and self.state == "running":
            if self.to_host.size <= _MOST_OUTGOING:
                for fd in call.open:
                    wanted[fd] = select.POLLIN
            if call.answers.size and call.silent_since is None:
                wanted[call.answers.fd] = select.POLLOUT
        if wanted != self._watched:
            for fd in self._watched.keys() - wanted.keys():
                self._poll.unregister(fd)
            for fd, events in wanted.items():
                self._poll.register(fd, events)
            self._watched = wanted

    def _timeout(self):
        call = self.call
        if self.state == "idle" and self.rest_at is not None:
            until = self.rest_at
        elif call is None or self.state != "running":
            return None
        else:
            until = call.deadline
        if self.state == "running" and call.silent_since is not None:
            until = min(until, call.silent_since + _SILENCE_SECONDS)
        return max(0, 1e3 * (until - time.monotonic()) + 1)

    def _happened(self, fd):
        if fd == self.host_in:
            self._hear_host()
        elif fd == self.control.fileno():
            self._hear_nursery()
        elif fd != self.to_host.fd and self.state == "running" and self.call is not None:
            self._hear_call(fd)

    def _look_at_the_time(self):
        call, now = self.call, time.monotonic()
        if self.state == "idle" and self.rest_at is not None and now >= self.rest_at:
            # An import that never ends, or threads that it began, use nobody's time any more.
            self.rest_at = None
            self._tell_nursery({"type": "rest"})
        if call is None or self.state != "running":
            return
        if now >= call.deadline:
            self._stop()
        elif call.silent_since is not None and now >= call.silent_since + _SILENCE_SECONDS:
            self._conclude(messages.broken("it closed its end of it"))

    # The host.

    def _flush(self):
        try:
            self.to_host.flush()
        except OSError:
            raise Finished(0) from None

    def _hear_host(self):
        try:
            data = os.read(self.host_in, _READ)
        except BlockingIOError:
            return
        if not data:
            raise Finished(0)
        self.from_host.feed(data)
        while True:
            found = self.from_host.next()
            if found is None:
                return
            self._obey(*found)

    def _obey(self, message, data):
        kind = message["type"]
        if kind == "ping":
            self.to_host.add(packed({"type": "pong"}))
        elif kind == "stop":
            if self.state == "running":
                self._stop()
            elif self.order is not None:
                self.stop_asked = True
        elif kind == "run":
            if self.state != "idle":
                raise Broken("a run while the runner is %s" % self.state)
            self._run(message, data)
        elif kind in ("opened", "read", "done", "refused"):
            if self.state == "running":
                self.call.answer(message, data)
        else:
            raise Broken("a message of an unknown type")

    def _run(self, message, data):
        if message.get("deterministic") is not self.call.deterministic:
            # The one at hand has drawn, or not drawn, its own entropy since its fork.
            self.order = (message, data)
            self._clear(message.get("deterministic") is True)
            return
        self.state = "running"
        if self.rest_at is None:
            self._tell_nursery({"type": "wake"})
        self.call.begin(message, data)
        if self.call.end is not None:
            self._conclude_ended()

    def _stop(self):
        self.call.stopped = True
        self.state = "stopping"
        self._clear(self.call.deterministic, "stopping")

    # The nursery.

    def _clear(self, deterministic, state="clearing"):
        self.state = state
        self._tell_nursery({"type": "clear", "deterministic": deterministic})

    def _tell_nursery(self, message):
        try:
            self.control.send(json.dumps(message).encode())
        except OSError:
            pass  # it has ended, which is heard of next

    def _hear_nursery(self):
        try:
            data, fds, _, _ = socket.recv_fds(self.control, _READ, 4)
        except OSError:
            data, fds = b"", []
        if not data:
            self._give_up("the process that calls are forked from has ended")
        message = json.loads(data)
        kind = message["type"]
        if kind == "prepared":
            self.preloaded = message["preloaded"]
        elif kind == "ended":
            self.end = message
            if self.call is not None:
                self.call.end = message
            if self.state in ("running", "stopping"):
                self._conclude_ended()
        elif kind == "cleared":
            self.swept = message["swept"]
        elif kind == "unclean":
            self._give_up(message["why"])
        elif kind == "forked":
            self._take_next(Call(fds, message["deterministic"], self.to_host.add))

    def _take_next(self, call):
        end, self.end = self.end, None
        if self.call is not None:  # one that was not used
            self.call.close()
        self.call = call
        was, self.state = self.state, "idle"
        self.rest_at = time.monotonic() + roots.REST_SECONDS
        if was == "preparing":
            version = "%d.%d.%d" % sys.version_info[:3]
            told = {"type": "ready", "python": version, "preloaded": self.preloaded}
            self.to_host.add(packed(told))
        elif self.order is not None:
            order, self.order = self.order, None
            self._run(*order)
            if self.stop_asked:
                self.stop_asked = False
                self._stop()
        elif sweep.standing() != self.standing:
            self._give_up("the call changed limits of the runner")
        else:
            self.to_host.add(
                packed(
                    {
                        "type": "idle",
                        "cpu_ms": end["cpu_ms"],
                        "peak_memory_bytes": end["peak_memory_bytes"],
                        "load_ms": self.load_ms,
                        "swept": self.swept,
                    }
                )
            )

    def _give_up(self, why):
        """The container cannot be used again."""
        if self.state in ("running", "stopping"):
            call, status = self.call, signal.SIGKILL
            call.drain()
            self.to_host.add(messages.ended(status, call.stopped))
        self.to_host.add(packed({"type": "unclean", "why": why}))
        raise Finished(1)

    # The call.

    def _hear_call(self, fd):
        call = self.call
        try:
            if fd == call.said:
                outcome = call.read_said()
                if outcome is not None:
                    self._conclude(outcome)
            elif fd == call.answers.fd:
                call.flush()
            else:
                call.read_printed(fd)
        except Broken as error:
            self._conclude(messages.broken(error))

    def _conclude_ended(self):
        """The outcome of a call whose process has ended."""
        call, outcome = self.call, None
        try:
            outcome = call.drain_said()
        except Broken as error:
            outcome = messages.broken(error)
        if outcome is None or call.stopped:
            outcome = messages.ended(call.end["status"], call.stopped)
        self._conclude(outcome)

    def _conclude(self, outcome):
        """Tells the outcome, and has what is left of the call cleared away."""
        call, self.call = self.call, None
        call.drain()
        self.to_host.add(outcome)
        self._flush()
        self.load_ms = call.load_ms
        call.close()
        if self.state == "stopping":
            self.state = "clearing"
        else:
            self._clear(call.deterministic)
