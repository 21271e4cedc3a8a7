"""The call's input and output files, by key, streamed by the platform.

    with mecapy.files.open("mesh.msh", "rb") as mesh: ...
    with mecapy.files.open("results/stress.csv", "w") as out: ...

A file is written to the end or not at all: it is kept when it is closed, and not when its
`with` block is left by an exception, nor when nobody closes it. Files are read and written
from start to end; to go back and forth in one, take it whole: `io.BytesIO(files.read(key))`.
"""

import io
from typing import IO

from . import _host

__all__ = ["open", "read", "read_text", "write"]

_BUFFER = 1 << 17


def open(
    key: str, mode: str = "rb", encoding: "str | None" = None, newline: "str | None" = None
) -> "IO":
    """Opens an input file, or makes an output file.

    `mode` is `rb`, `r`, `wb` or `w`; text is UTF-8 unless told. Raises `FileNotFoundError`,
    `ValueError` for a key or a mode that is none, and `OSError` where the storage fails.
    """
    kind, text = mode.replace("b", "").replace("t", ""), "b" not in mode
    if kind not in ("r", "w") or len(mode) > 2 or len(set(mode)) != len(mode):
        raise ValueError(f"{mode!r} is no mode of a call's file: it is one of 'rb', 'r', 'wb' and 'w'")
    if not text and (encoding is not None or newline is not None):
        raise ValueError("a binary file has no encoding and no newlines: open it with 'r' or 'w'")
    if kind == "r":
        reader = io.BufferedReader(_Input(key), _BUFFER)
        return io.TextIOWrapper(reader, encoding or "utf-8", newline=newline) if text else reader
    raw = _Output(key)
    writer = _OutputFile(raw, _BUFFER)
    return _OutputText(writer, encoding or "utf-8", newline=newline) if text else writer


def read(key: str) -> bytes:
    """The whole content of a file. Raises as `open` does."""
    with _Input(key) as raw:
        return raw.readall()


def read_text(key: str, encoding: str = "utf-8") -> str:
    """The whole content of a text file, its line ends as `\\n`. Raises as `open` does."""
    with open(key, "r", encoding) as file:
        return file.read()


def write(key: str, data: "bytes | bytearray | memoryview | str") -> None:
    """Writes a whole file; text as UTF-8. Raises as `open` does."""
    if isinstance(data, str):
        data = data.encode()
    with open(key, "wb") as file:
        file.write(data)


class _Input(io.RawIOBase):
    mode = "rb"

    def __init__(self, key):
        self.name = key
        self._host = _host.open(key)

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._host.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self):
        chunks = []
        while chunk := self._host.read(_host.CHUNK):
            chunks.append(chunk)
        return b"".join(chunks)

    def close(self):
        if not self.closed:
            host, self._host = getattr(self, "_host", None), None
            if host is not None:
                host.drop()
        super().close()


class _Output(io.RawIOBase):
    mode = "wb"

    def __init__(self, key):
        self.name = key
        self._host = _host.create(key)

    def writable(self):
        return True

    def write(self, data):
        if self.closed:
            raise ValueError("write to a closed file")
        data = memoryview(data).cast("B")[: _host.CHUNK]
        if self._host is not None:  # what comes after the end of a file that is not kept
            try:
                self._host.write(data)
            except BaseException:
                self.discard()
                raise
        return len(data)

    def close(self):
        if not self.closed:
            super().close()
            host, self._host = getattr(self, "_host", None), None
            if host is not None:
                try:
                    host.finish()
                finally:
                    host.drop()

    def discard(self):
        """Whether the file was to be kept; from now on it is not."""
        host, self._host = getattr(self, "_host", None), None
        if host is None:
            return False
        host.drop()
        return True

    def __del__(self):
        _forgotten(self)


class _OutputFile(io.BufferedWriter):
    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self.raw.discard()
        self.close()

    def __del__(self):
        _forgotten(self)


class _OutputText(io.TextIOWrapper):
    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self.buffer.raw.discard()
        self.close()

    def __del__(self):
        _forgotten(self)


def _forgotten(file):
    """Lets go of a file that was not closed: what was written of it is not kept."""
    raw = file
    for inner in ("buffer", "raw"):
        raw = getattr(raw, inner, raw)
    if not file.closed:
        if raw.discard():
            _host.log("warning", f"the file {raw.name!r} was not closed, and is not kept")
        file.close()
