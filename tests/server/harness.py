"""A server of its own for a test: the real program, on a data folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("MECAPY_SERVER", ROOT / "target/debug/mecapy-server"))
#: The first start on a machine compiles Python for it.
START_SECONDS = 180.0
STOP_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server; its data outlives it, so that it can be started again."""

    def __init__(self, data: Path | None = None, settings: dict[str, str] | None = None):
        self._own = tempfile.TemporaryDirectory(prefix="mecapy-test-") if data is None else None
        self.data = Path(self._own.name) / "data" if self._own else Path(data)
        self.log = self.data.with_name(self.data.name + ".log")
        self.token_file = self.data.with_name(self.data.name + ".token")
        self.settings = settings or {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    @property
    def token(self) -> str:
        """The first administrator's, of the tenant `default`."""
        return self.token_file.read_text().strip()

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MECAPY_")}
        kept["MECAPY_UV"] = os.environ.get("MECAPY_UV", str(ROOT / "target/tools/bin/uv"))
        kept["MECAPY_CACHE_DIR"] = os.environ.get(
            "MECAPY_CACHE_DIR", str(ROOT / "target/mecapy-cache")
        )
        # Tests that need Docker say so.
        kept["MECAPY_DOCKER_USE"] = "never"
        return kept | {"MECAPY_DATA_DIR": str(self.data)} | self.settings

    def command(self, *arguments: str) -> subprocess.CompletedProcess:
        """Another command of the program, on the same data."""
        return subprocess.run(
            [PROGRAM, *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self) -> "Server":
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "--listen", f"127.0.0.1:{self.port}", "serve",
                 "--token-file", str(self.token_file)],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + START_SECONDS
        # The program says on standard output when it listens.
        line = self.process.stdout.readline()
        if not line.startswith(b"listening on") or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: {line!r}\n{self.log_tail()}")
        return self

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def kill(self) -> None:
        """SIGKILL: it has no time for anything."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> int:
        """SIGTERM: it finishes or hands back what it has; answers its exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=STOP_SECONDS)
        self.process.stdout.close()
        return status

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if self._own:
            self._own.cleanup()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_) -> None:
        self.close()

    def client(self, token: str | None = None, **options) -> httpx.Client:
        """Calls the API as the administrator, or with another token."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        options.setdefault("timeout", 60.0)
        return httpx.Client(base_url=self.url, headers=headers, **options)

    def new_token(self, tenant: str, role: str, account: str | None = None) -> str:
        """A token of an account of that role; both are made."""
        done = self.command(
            "token", "--tenant", tenant, "--role", role, "--account", account or f"{role}-account"
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()


def deploy_code(client: httpx.Client, name: str, code: str, **more) -> dict:
    """Deploys inline code; answers with what was deployed."""
    answer = client.post("/api/functions", json={"name": name, "code": code, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def execute(client: httpx.Client, function: str, inputs: dict, wait: int = 30, **more):
    """Calls a function and waits; the answer, whatever it is."""
    return client.post(
        f"/api/functions/{function}/execute",
        json={"inputs": inputs, **more},
        headers={"prefer": f"wait={wait}"},
    )


def wait_until_final(client: httpx.Client, task: str, seconds: float = 60.0) -> dict:
    """Asks until the task has ended."""
    deadline = time.monotonic() + seconds
    while True:
        shown = client.get(f"/api/tasks/{task}").raise_for_status().json()
        if shown["state"] in ("completed", "failed", "cancelled"):
            return shown
        if time.monotonic() > deadline:
            raise AssertionError(f"the task is still {shown['state']}: {shown}")
        time.sleep(0.02)
