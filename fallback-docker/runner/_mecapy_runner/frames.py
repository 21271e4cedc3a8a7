"""Frames, as PROTOCOL.md has them: length, kind, body. Owns their bounds, not their meaning.

The same frames are used between host and supervisor, and between supervisor and child.
"""

import json
import os
from collections import deque

MAX_JSON_FRAME = 4 << 20
MAX_BYTES_FRAME = 64 << 20

_JSON, _BYTES = 0x4A, 0x42
_HEADER = 5
_MOST_PARTS = 64

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Broken(Exception):
    """The other side does not keep to the protocol."""


def packed(message, data=None):
    """A message, and the bytes that belong to it, as parts to write.

    Raises `ValueError` where it has no JSON form, or is larger than a frame may be.
    """
    if data is not None:
        message["bytes"] = True
    # A lone surrogate is no UTF-8, and no JSON to others.
    body = _encode(message).encode("utf-8", "replace")
    if len(body) > MAX_JSON_FRAME:
        raise ValueError("larger than a frame")
    head = len(body).to_bytes(4, "big") + b"J" + body
    if data is None:
        return (head,)
    if len(data) > MAX_BYTES_FRAME:
        raise ValueError("larger than a frame")
    return (head + len(data).to_bytes(4, "big") + b"B", data)


class Reader:
    """Takes bytes as they come, and gives whole messages.

    `most_bytes` bounds `B` frames: it is looked at before any of their content is kept.
    """

    def __init__(self, most_bytes=MAX_BYTES_FRAME):
        self.most_bytes = most_bytes
        self._buffer = bytearray()
        self._message = None  # one that waits for its bytes

    def feed(self, data):
        self._buffer += data

    def is_amid_bytes(self):
        """Whether the rest of a `B` frame is awaited."""
        return self._message is not None

    def next(self):
        """A message as `(dict, bytes or None)`, or None until there is one. Raises `Broken`."""
        while True:
            frame = self._frame()
            if frame is None:
                return None
            kind, body = frame
            if kind == _BYTES:
                message, self._message = self._message, None
                return message, body
            message = _parsed(body)
            if message.get("bytes") is not True:
                return message, None
            self._message = message

    def _frame(self):
        buffer = self._buffer
        if len(buffer) < _HEADER:
            return None
        length, kind = int.from_bytes(buffer[:4], "big"), buffer[4]
        if kind == _JSON and self._message is None:
            most = MAX_JSON_FRAME
        elif kind == _BYTES and self._message is not None:
            most = self.most_bytes
        else:
            raise Broken("a frame of a kind that has no place there")
        if length > most:
            raise Broken("a frame of %d bytes, of at most %d" % (length, most))
        end = _HEADER + length
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view:
            body = bytes(view[_HEADER:end])
        del buffer[:end]
        return kind, body


def _parsed(body):
    try:
        message = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Broken("a frame that is no JSON") from None
    if type(message) is not dict or type(message.get("type")) is not str:
        raise Broken("a frame that is no object with a type")
    return message


class Outgoing:
    """What is still to be written to a descriptor that does not block."""

    def __init__(self, fd):
        self.fd = fd
        self.size = 0
        self._parts = deque()

    def add(self, parts):
        for part in parts:
            self.size += len(part)
            self._parts.append(part)

    def flush(self):
        """Writes what can be written now. Raises `OSError` where nobody reads any more."""
        parts = self._parts
        while parts:
            first = [parts[i] for i in range(min(len(parts), _MOST_PARTS))]
            try:
                written = os.writev(self.fd, first)
            except BlockingIOError:
                return
            self.size -= written
            for part in first:
                if written < len(part):
                    if written:
                        parts[0] = memoryview(part)[written:]
                    break
                written -= len(part)
                parts.popleft()
