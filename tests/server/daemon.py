"""A Docker daemon of a test's own, which may be killed: beside the machine's, and unknown to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from harness import ROOT

START_SECONDS = 120.0
STOP_SECONDS = 60.0
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def as_root(*command: str) -> list[str]:
    return [*command] if os.geteuid() == 0 else ["sudo", "-n", *command]


def drivers() -> list[str]:
    """Storage drivers to try: that of the machine's own daemon, and the one that always works."""
    command = ["docker", "info", "--format", "{{.Driver}}"]
    found = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return list(dict.fromkeys([found or "overlay2", "vfs"]))


class Daemon:
    """One daemon. Its images and containers outlive it, so that it can be started again."""

    def __init__(self):
        state = ROOT / "target/docker"
        state.mkdir(parents=True, exist_ok=True)
        # A socket's path has to be short, which that of a checkout need not be.
        self.folder = Path(tempfile.mkdtemp(prefix="own-", dir=state))
        self.socket = Path(tempfile.mkdtemp(prefix="mecapy-")) / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.log = self.folder / "dockerd.log"
        self.driver = ""
        self.process: subprocess.Popen | None = None

    def command(self, driver: str) -> list[str]:
        name = self.folder.name
        return as_root(
            "env", f"PATH={PATH}", "dockerd", f"--host={self.host}",
            f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec",
            f"--pidfile={self.folder}/pid", f"--storage-driver={driver}",
            # Another's containerd may be there, with containers of its own.
            f"--containerd-namespace={name}", f"--containerd-plugins-namespace={name}-plugins",
            # No container here has a network: nothing of the machine's is to change. Never
            # `--bridge=none`, which takes the bridge away from the machine's own daemon.
            "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false",
            "--shutdown-timeout=5",
        )  # fmt: skip

    def start(self) -> "Daemon":
        """Starts it, and waits until it answers."""
        for driver in [self.driver] if self.driver else drivers():
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    self.command(driver), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )
            if self._answers():
                self.driver = driver
                return self
            self.kill()
        raise RuntimeError(f"no daemon of our own:\n{self.log_tail()}")

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.docker("version", check=False).returncode == 0:
                return True
            time.sleep(0.1)
        return False

    def docker(self, *arguments: str, check: bool = True, **more) -> subprocess.CompletedProcess:
        """Docker's own client, asking this daemon."""
        command = ["docker", "--host", self.host, *arguments]
        if os.geteuid() != 0:
            command = as_root(*command)
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=120, **more)

    def containers(self, *filters: str) -> list[str]:
        """Ids of its containers; none while it does not answer."""
        asked = self.docker("ps", "--all", "--quiet", "--no-trunc", *filters, check=False)
        return asked.stdout.split() if asked.returncode == 0 else []

    def load(self, image: str) -> None:
        """Takes an image over from the machine's own daemon."""
        save = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        try:
            self.docker("load", stdin=save.stdout)
        finally:
            save.stdout.close()
            assert save.wait(timeout=60) == 0

    def kill(self) -> None:
        """SIGKILL: it has no time for anything, and its containers go on for now."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it ends its containers."""
        self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> None:
        if self.process is None:
            return
        # Under `sudo` it is a child of the process that was started here.
        own = self.folder / "pid"
        pid = own.read_text().strip() if own.is_file() else ""
        if self.process.poll() is None:
            target = pid if pid and self._is_ours(int(pid)) else str(self.process.pid)
            subprocess.run(as_root("kill", f"-{number}", target), capture_output=True)
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            subprocess.run(as_root("kill", "-9", pid or str(self.process.pid)), capture_output=True)
            self.process.wait(timeout=STOP_SECONDS)
        # Numbers that are another's by now, or a dead process's that nobody has asked about
        # yet, would keep the next one from starting.
        numbers = [str(own), str(self.folder / "exec/containerd/containerd.pid")]
        subprocess.run(as_root("rm", "-f", *numbers), check=True)

    def processes(self) -> list[int]:
        """What runs for it: its containerd, and the keepers of its containers."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._is_ours(int(path.name))]

    def _is_ours(self, pid: int) -> bool:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return False
        return str(self.folder) in line or f"\0{self.folder.name}\0" in line

    def log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def close(self) -> None:
        """Ends it, and removes everything that was its."""
        if self.process is not None:
            for container in self.containers():
                self.docker("rm", "--force", container, check=False)
            self.stop()
        for pid in self.processes():
            subprocess.run(as_root("kill", "-9", str(pid)), capture_output=True)
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in sorted((x for x in mounts if x.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(as_root("umount", "--lazy", mount), capture_output=True)
        subprocess.run(as_root("rm", "-rf", "--one-file-system", str(self.folder)), capture_output=True)
        shutil.rmtree(self.socket.parent, ignore_errors=True)

    def __enter__(self) -> "Daemon":
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_) -> None:
        self.close()
