"""Runs the real runner as a process outside of a container, and speaks with it as the host does."""

import json
import os
import pathlib
import select
import struct
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest

HERE = pathlib.Path(__file__).parent
MAIN = HERE.parent / "runner" / "main.py"
GUEST = HERE.parents[1] / "python-wasm" / "guest"

# What anything may take on a machine that is busy with other things.
SOON = 60.0


class Ended(Exception):
    """The runner closed its stream."""


class Host:
    """A host: one runner, over temporary folders that stand for the container's."""

    def __init__(self, folder, environment=()):
        self.folder = folder
        # In memory, as in a container: emptying them is bounded in time.
        memory = pathlib.Path(tempfile.mkdtemp(dir="/dev/shm"))
        self.app, self.deps = folder / "app", folder / "deps"
        self.tmp, self.shm = memory / "tmp", memory / "shm"
        for path in (self.app, self.deps, self.tmp, self.shm):
            path.mkdir()
        self.files, self.published, self.refusal = {}, {}, None
        self.asked = []
        self._environment = dict(
            os.environ,
            MECAPY_RUNNER_APP=str(self.app),
            MECAPY_RUNNER_DEPS=str(self.deps),
            MECAPY_RUNNER_GUEST=str(GUEST),
            MECAPY_RUNNER_TMP=str(self.tmp),
            MECAPY_RUNNER_SWEPT=f"{self.tmp}:{self.shm}",
            **dict(environment),
        )
        self._environment.pop("PYTHONHASHSEED", None)
        self._buffer = b""
        self._open, self._next_handle = {}, 1
        self.process = None

    def write(self, files, root=None):
        """Writes the package's files, or a dependency's."""
        for path, text in files.items():
            file = (root or self.app) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))

    def start(self):
        """Starts the runner."""
        self.log = open(self.folder / "stderr", "w+b")
        flags = "-sPB" if sys.version_info >= (3, 11) else "-sB"
        self.process = subprocess.Popen(
            [sys.executable, flags, str(MAIN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=self._environment,
            bufsize=0,
        )

    def prepare(self, handler="handler:calculate", files=None, preload=(), left_out=(), deps=None):
        """Starts the runner and has it prepared; answers with `ready`."""
        if isinstance(files, str):
            files = {"handler.py": files}
        self.write(files or {})
        self.write(deps or {}, self.deps)
        self.start()
        target = None
        if handler is not None:
            path, _, name = handler.partition(":")
            init = ["start"] if path[0].isupper() or "." in path else []
            target = {"path": path, "callable": name, "init": init}
        self.send(
            {
                "type": "prepare",
                "preload": list(preload),
                "tmp_bytes": 1 << 26,
                "tmp_nodes": 4096,
                "handler": target,
                "left_out": list(left_out),
            }
        )
        return self.expect("ready")

    def send(self, message, data=None):
        """Sends one message."""
        if data is not None:
            message = {**message, "bytes": True}
        body = json.dumps(message).encode()
        parts = struct.pack(">I", len(body)) + b"J" + body
        if data is not None:
            parts += struct.pack(">I", len(data)) + b"B" + data
        self.send_raw(parts)

    def send_raw(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def receive(self):
        """The next message, as `(dict, bytes or None)`. Raises `Ended`."""
        kind, body = self._frame()
        assert kind == b"J"
        message, data = json.loads(body), None
        if message.get("bytes"):
            kind, data = self._frame()
            assert kind == b"B"
        return message, data

    def _frame(self):
        head = self._read(5)
        return head[4:], self._read(struct.unpack(">I", head[:4])[0])

    def _read(self, size):
        deadline = time.monotonic() + SOON
        fd = self.process.stdout.fileno()
        chunks, missing = [self._buffer], size - len(self._buffer)
        while missing > 0:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([fd], [], [], left)[0], "the runner does not answer"
            chunk = os.read(fd, 1 << 20)
            if not chunk:
                raise Ended
            chunks.append(chunk)
            missing -= len(chunk)
        data = b"".join(chunks)
        self._buffer = data[size:]
        return data[:size]

    def expect(self, kind):
        """The next message, which is of that type."""
        message, _ = self.receive()
        assert message["type"] == kind, message
        return message

    def order(self, inputs=None, operation="call", deterministic=False, most=1 << 24, timeout_ms=600_000):
        """Sends a `run`."""
        if inputs is None:
            data = b"" if operation in ("test", "describe") else b"{}"
        else:
            data = inputs if isinstance(inputs, bytes) else json.dumps(inputs).encode()
        self.send(
            {
                "type": "run",
                "id": 1,
                "operation": operation,
                "deterministic": deterministic,
                "output_bytes": most,
                "timeout_ms": timeout_ms,
            },
            data,
        )

    def outcome(self):
        """What the call says until its outcome, file requests answered; and the outcome."""
        said = []
        while True:
            message, data = self.receive()
            if message["type"] == "outcome":
                return said, message, data
            if message["type"] in ("log", "progress"):
                said.append(message)
            elif message["type"] == "print":
                said.append({**message, "data": data})
            else:
                self.asked.append(message["type"])
                self._serve(message, data)

    def _serve(self, message, data):
        kind, handle = message["type"], message.get("handle")
        if self.refusal is not None and kind == self.refusal[0]:
            self.send({"type": "refused", "kind": self.refusal[1], "message": "not now"})
        elif kind == "open" and message["key"] not in self.files:
            self.send({"type": "refused", "kind": "not_found", "message": ""})
        elif kind in ("open", "create"):
            content = self.files[message["key"]] if kind == "open" else b""
            self._open[self._next_handle] = [message["key"], content]
            self.send({"type": "opened", "handle": self._next_handle})
            self._next_handle += 1
        elif kind == "read":
            content = self._open[handle][1]
            self._open[handle][1] = content[message["length"] :]
            self.send({"type": "read"}, content[: message["length"]])
        else:
            if kind == "write":
                self._open[handle][1] += data
            elif kind == "finish":
                key, content = self._open[handle]
                self.published[key] = content
            else:
                assert kind == "drop"
                del self._open[handle]
            self.send({"type": "done"})

    def call(self, inputs=None, **options):
        """One whole call, until idle; its outcome, with `value`, `said` and `idle` in it."""
        self.order(inputs, **options)
        said, outcome, data = self.outcome()
        outcome = {**outcome, "said": said, "idle": self.expect("idle")}
        if data is not None:
            outcome["value"] = json.loads(data)
        return outcome

    def value(self, inputs=None, **options):
        """The value of a call that succeeds."""
        outcome = self.call(inputs, **options)
        assert outcome["ok"], outcome
        return outcome["value"]

    def failure(self, inputs=None, **options):
        """The failure of a call that fails."""
        outcome = self.call(inputs, **options)
        assert not outcome["ok"], outcome
        return outcome["failure"]

    def close(self):
        """Closes the runner's input; its exit status."""
        self.process.stdin.close()
        return self.process.wait(SOON)

    def stderr(self):
        self.log.seek(0)
        return self.log.read().decode()


@pytest.fixture
def make_host(tmp_path):
    """Makes hosts, and ends their runners; none may leave a process."""
    hosts = []

    def make(**environment):
        folder = tmp_path / str(len(hosts))
        folder.mkdir()
        host = Host(folder, environment)
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        if host.process is not None:
            if not host.process.stdin.closed:
                host.process.stdin.close()
            host.process.wait(SOON)
            host.process.stdout.close()
            host.log.close()
        shutil.rmtree(host.tmp.parent)


@pytest.fixture
def host(make_host):
    return make_host()
