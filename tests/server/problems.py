"""What every refusal has in common, requests below HTTP clients, and a server's memory."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import httpx

from harness import Server

MIB = 1024 * 1024
FIELDS = {"type": str, "title": str, "status": int, "detail": str, "instance": str,
          "request_id": str}


def check_problem(answer: httpx.Response, *statuses: int) -> dict:
    """Asserts that an answer is a problem document with one of these statuses."""
    where = f"{answer.request.method} {str(answer.request.url)[:200]} -> {answer.status_code} " \
            f"{answer.text[:500]}"
    assert answer.status_code in statuses, where
    assert answer.headers["content-type"] == "application/problem+json", where
    assert answer.headers.get("x-request-id"), where
    problem = answer.json()
    for name, kind in FIELDS.items():
        assert isinstance(problem.get(name), kind), (name, where)
    assert problem["status"] == answer.status_code, where
    assert problem["request_id"] == answer.headers["x-request-id"], where
    assert re.fullmatch(r"urn:mecapy:problem:[a-z-]+", problem["type"]), where
    assert problem["instance"] == answer.request.url.raw_path.decode().split("?")[0], where
    # A refusal repeats no more of a request than a person reads.
    assert len(answer.content) < 20_000 + len(problem["instance"]), where
    return problem


def check_sound(server: Server) -> None:
    """The server answers, and nothing panicked in it."""
    with server.client(timeout=30.0) as client:
        assert client.get("/readyz").json()["ready"] is True
        assert client.get("/api/functions").status_code == 200
    text = server.log.read_text(errors="replace")
    assert "panicked" not in text, server.log_tail()
    assert "internal error" not in text, server.log_tail()


def memory(server: Server, kind: str = "VmRSS") -> int:
    """Bytes of the server's memory: `VmRSS` now, `VmHWM` at its peak."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+) kB", text)[1]) * 1024


def forget_peak(server: Server) -> None:
    """The peak is counted from now on."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


def raw(server: Server, sent: bytes, ends: bool = True, timeout: float = 20.0) -> bytes:
    """Sends bytes and reads until the server closes; `ends`: nothing more will be sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        received = b""
        try:
            connection.sendall(sent)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except TimeoutError:
            raise
        except OSError:
            pass  # The server has closed it already.
        return received


def status_of(answer: bytes) -> int:
    """The status of a raw answer; 0 if there is none."""
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return int(match[1]) if match else 0
