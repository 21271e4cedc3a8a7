"""The child's side of its pipes to the supervisor: tells, and asks for files.

One frame at a time, whatever threads there are; what a finaliser or a signal handler says
in the middle of another frame waits for its end. Processes that the call forks have no
part in it: what they print goes to their standard streams.
"""

import io
import os
import threading
from collections import deque

from . import frames

_CHUNK = 1 << 16
_PRINTED_AT_ONCE = 1 << 15


class Channel:
    """Frames out through one descriptor, and in through another."""

    def __init__(self, out_fd, in_fd):
        self._out, self._in = out_fd, in_fd
        self._reader = frames.Reader()
        self._lock = threading.Lock()
        self._holder = None
        self._later = deque()
        self._order = None
        self._pid = os.getpid()

    def is_mine(self):
        """Whether this process is the call's own."""
        return self._pid == os.getpid()

    def tell(self, message, data=None):
        """Tells the supervisor something that has no answer."""
        self._exchange(frames.packed(message, data), False)

    def ask(self, message, data=None):
        """Asks the supervisor, and answers with `(dict, bytes or None)`."""
        if self._holder == threading.get_ident():
            raise RuntimeError("a file of the call cannot be used by what interrupts such a use")
        return self._exchange(frames.packed(message, data), True)

    def drop(self, handle):
        """Lets go of a file, now or as soon as something else is done."""
        self._exchange(frames.packed({"type": "drop", "handle": handle}), True)

    def receive_order(self):
        """What the supervisor wants done."""
        if self._order is None:
            self._order = self._receive()
        return self._order

    def _receive_answer(self):
        found = self._receive()
        if found[0]["type"] == "run":  # came while the handler was being imported
            self._order = found
            found = self._receive()
        return found

    def _receive(self):
        while True:
            found = self._reader.next()
            if found is not None:
                return found
            data = os.read(self._in, _CHUNK)
            if not data:
                raise EOFError
            self._reader.feed(data)

    def _exchange(self, parts, answered):
        me = threading.get_ident()
        if self._holder == me:
            self._later.append((parts, answered))
            return None
        answer = self._exchange_now(me, parts, answered)
        while self._later:
            self._exchange_now(me, *self._later.popleft())
        return answer

    def _exchange_now(self, me, parts, answered):
        with self._lock:
            self._holder = me
            try:
                out = frames.Outgoing(self._out)
                out.add(parts)
                while out.size:
                    out.flush()
                return self._receive_answer() if answered else None
            finally:
                self._holder = None


class Printed(io.RawIOBase):
    """Standard output or error of Python code, in order with all else that is told.

    C code and other programs write to the descriptor itself, whose order with these is lost.
    """

    def __init__(self, channel, stream, fd):
        self._channel, self._stream, self._fd = channel, stream, fd

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def write(self, data):
        data = bytes(memoryview(data).cast("B")[:_PRINTED_AT_ONCE])
        if not self._channel.is_mine():
            return os.write(self._fd, data)
        self._channel.tell({"type": "print", "stream": self._stream}, data)
        return len(data)


def text_stream(channel, stream, fd):
    """What `sys.stdout` or `sys.stderr` is during a call."""
    errors = "strict" if stream == "stdout" else "backslashreplace"
    # As large as a frame may be: a line comes in one piece.
    buffer = io.BufferedWriter(Printed(channel, stream, fd), _PRINTED_AT_ONCE)
    made = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=True)
    made.mode = "w"
    return made
