"""One call as the supervisor sees it: the pipes of its process, and what passes through them."""

import os
import time

from . import messages
from .frames import Broken, Outgoing, Reader, packed

_SMALL, _LARGE = 1 << 14, 1 << 16
_ROOM_BESIDE_RESULT = 1 << 20
MOST_DRAINED = 1 << 20


class Call:
    """A forked process, waiting for its call or in it.

    `tell` takes the parts of frames for the host.
    """

    def __init__(self, fds, deterministic, tell):
        self.stdout, self.stderr, self.said, heard = fds
        for fd in fds:
            os.set_blocking(fd, False)
        self.open = [self.said, self.stdout, self.stderr]  # what can still be read
        self.deterministic = deterministic
        self.answers = Outgoing(heard)
        self.end = None  # the nursery's word on the process's end
        self.load_ms = 0.0
        self.deadline = None
        self.stopped = False
        self.silent_since = None  # when it closed what it speaks through
        self._tell = tell
        self._reader = Reader()
        self._request = None
        self._output_bytes = 0

    def begin(self, order, data):
        """Passes the host's order on. Raises `Broken`."""
        timeout, most = order.get("timeout_ms"), order.get("output_bytes")
        operation = order.get("operation")
        if type(timeout) is not int or type(most) is not int or data is None:
            raise Broken("a call without its limits or its bytes")
        if operation not in ("call", "describe", "test", "inspect"):
            raise Broken("an operation that is none")
        self._output_bytes = most
        self._reader.most_bytes = max(most, _ROOM_BESIDE_RESULT)
        self.deadline = time.monotonic() + timeout / 1e3 + 1
        self.hear({"operation": operation, "output_bytes": most, "type": "run"}, data)

    def hear(self, message, data=None):
        self.answers.add(packed(message, data))
        self.flush()

    def flush(self):
        """Writes to the process what it takes now."""
        try:
            self.answers.flush()
        except OSError:
            self._fall_silent()

    def answer(self, message, data):
        """Passes the host's answer to a file request on. Raises `Broken`."""
        request, self._request = self._request, None
        if request is None:
            raise Broken("an answer that nobody asked for")
        self.answers.add(messages.answer(request, message, data))
        self.flush()

    def read_said(self):
        """Reads some of what the process says; the outcome's parts, if it has come.

        Raises `Broken`.
        """
        data = self._read(self.said, _LARGE if self._reader.is_amid_bytes() else _SMALL)
        if data is None:
            return None
        if not data:
            self.open.remove(self.said)
            self._fall_silent()
            return None
        self._reader.feed(data)
        return self._pass_on()

    def _pass_on(self):
        printed = _Printed(self._tell)
        while True:
            found = self._reader.next()
            if found is None:
                printed.flush()
                return None
            message, data = found
            kind = message["type"]
            if kind == "print":
                printed.add(messages.stream(message), data)
                continue
            printed.flush()
            if kind in ("log", "progress"):
                self._tell(messages.told(message))
            elif kind == "outcome":
                return messages.outcome(message, data, self._output_bytes)
            elif kind == "loaded":
                self.load_ms = messages.milliseconds(message)
            elif kind in messages.ANSWERS:
                if self._request is not None:
                    raise Broken("a request while another is under way")
                parts = messages.request(message, data)
                self._request = message
                self._tell(parts)
            else:
                raise Broken("a message of an unknown type")

    def read_printed(self, fd):
        """Passes on some of what was written to a standard stream. Whether there was any."""
        data = self._read(fd, _LARGE)
        if data:
            stream = "stdout" if fd == self.stdout else "stderr"
            self._tell(packed({"type": "print", "stream": stream}, data))
        elif data is not None:
            self.open.remove(fd)
        return bool(data)

    def drain(self):
        """Passes on what is there of standard output and error, up to a bound."""
        for fd in (self.stdout, self.stderr):
            for _ in range(MOST_DRAINED // _LARGE):
                if fd not in self.open or not self.read_printed(fd):
                    break

    def drain_said(self):
        """Reads what a process that has ended still said; the outcome's parts, if it has come.

        Raises `Broken`.
        """
        for _ in range(MOST_DRAINED // _SMALL):
            data = self._read(self.said, _SMALL)
            if not data:
                return None
            self._reader.feed(data)
            outcome = self._pass_on()
            if outcome is not None:
                return outcome
        return None

    def close(self):
        for fd in (self.stdout, self.stderr, self.said, self.answers.fd):
            os.close(fd)

    def _fall_silent(self):
        if self.silent_since is None:
            self.silent_since = time.monotonic()

    @staticmethod
    def _read(fd, most):
        """What is there; None where nothing is, and nothing where it is closed."""
        try:
            return os.read(fd, most)
        except BlockingIOError:
            return None


class _Printed:
    """Prints that follow each other, put together: a line each would be a frame each."""

    def __init__(self, tell):
        self._tell, self._stream, self._pieces, self._size = tell, None, [], 0

    def add(self, stream, data):
        if data is None:
            raise Broken("a print without bytes")
        if stream != self._stream or self._size > _LARGE:
            self.flush()
        self._stream = stream
        self._pieces.append(data)
        self._size += len(data)

    def flush(self):
        if self._pieces:
            data = b"".join(self._pieces)
            self._tell(packed({"type": "print", "stream": self._stream}, data))
            self._pieces, self._size = [], 0
