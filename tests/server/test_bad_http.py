"""Below what HTTP clients send: slow, cut, garbled and huge requests over a plain socket."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from harness import Server, deploy_code
from problems import check_problem, check_sound, raw, status_of

CODE = "def calculate(a: float = 1.0) -> dict:\n    return {'b': a}\n"


@pytest.fixture(scope="module")
def server():
    """One that waits a second for headers and for the next part of a body."""
    settings = {"MECAPY_LIMITS_BODY_TIMEOUT_SECONDS": "1",
                "MECAPY_LIMITS_HEADER_TIMEOUT_SECONDS": "1"}
    with Server(settings=settings) as running:
        with running.client() as client:
            deploy_code(client, "good", CODE)
        yield running


@pytest.fixture(scope="module", autouse=True)
def sound_afterwards(server):
    yield
    check_sound(server)


def head(server: Server, line: str, *more: str) -> bytes:
    """A request's head with a token."""
    lines = [f"{line} HTTP/1.1", "host: localhost", f"authorization: Bearer {server.token}",
             "content-type: application/json", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def body_of(answer: bytes) -> dict:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


EXECUTE = "POST /api/functions/good/execute"
PLACES = [EXECUTE, "POST /api/functions", "POST /api/tasks", "POST /api/files"]


@pytest.mark.parametrize("place", [*PLACES, "POST /api/files?key=slow", "form"])
def test_a_body_that_stops_is_not_waited_for(server, place):
    more = ["content-length: 1000"]
    if "key=" in place:
        more.append("content-type: text/plain")
    request = head(server, "POST /api/functions" if place == "form" else place, *more)
    if "key=" in place or place == "form":
        kind = b"text/plain" if "key=" in place else b"multipart/form-data; boundary=x"
        request = head(server, place if "key=" in place else "POST /api/functions",
                       "content-length: 1000").replace(b"application/json", kind)
    started = time.monotonic()
    answer = raw(server, request + b'--x\r\ncontent-disposition: form-data; name="archive"\r\n\r\n',
                 ends=False)
    assert status_of(answer) == 408, answer[:500]
    problem = body_of(answer)
    assert problem["type"].endswith("timeout") and problem["request_id"]
    assert time.monotonic() - started < 15


def test_a_body_in_drops_is_read_while_it_drops(server):
    """Slow is not stopped: each part comes in time."""
    body = b'{"inputs": {"a": 2}}'
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head(server, EXECUTE, f"content-length: {len(body)}", "prefer: wait=10"))
        for i in range(0, len(body), 5):
            connection.sendall(body[i : i + 5])
            time.sleep(0.3)
        assert status_of(connection.recv(65536)) == 200


def test_headers_that_do_not_end_are_not_waited_for(server):
    for start in (b"", b"G", b"P", b"PRI * HTTP/2", b"GET /api/tasks HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: x\r\na: "):
        started = time.monotonic()
        answer = raw(server, start, ends=False, timeout=10.0)
        assert status_of(answer) in (0, 400, 408), answer[:300]
        assert time.monotonic() - started < 15, start


def test_headers_in_drops_have_an_end(server):
    """A header a moment does not keep a connection for ever."""
    deadline = time.monotonic() + 15
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /api/tasks HTTP/1.1\r\nhost: x\r\n")
        try:
            while time.monotonic() < deadline:
                connection.sendall(b"x-more: 1\r\n")
                time.sleep(0.1)
        except (BrokenPipeError, ConnectionResetError):
            return
    raise AssertionError("it still reads")


@pytest.mark.parametrize("place", [*PLACES, "POST /api/files?key=cut"])
def test_a_body_that_is_cut_makes_nothing(server, place):
    with server.client() as client:
        before = [client.get(f"/api/{path}").json()
                  for path in ("tasks", "files", "functions", "deployments")]
        kind = b"text/plain" if "key=" in place else b"application/json"
        for length in ("content-length: 1000", "transfer-encoding: chunked"):
            request = head(server, place, length).replace(b"application/json", kind)
            body = b'{"inputs": {}}' if "length" in length else b'e\r\n{"inputs": {}}\r\n'
            answer = raw(server, request + body)
            assert status_of(answer) in (0, 400), answer[:500]
        after = [client.get(f"/api/{path}").json()
                 for path in ("tasks", "files", "functions", "deployments")]
        assert after == before


@pytest.mark.parametrize("chunks", [
    b"zz\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"ffffffffffffffffff\r\n{}",
    b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n", b"\r\n\r\n", b"2\n{}\n0\n\n", b"2\r\n{}\r\n0\r\nbad",
    b"0x2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n" + b"0\r\n" + b"a: b\r\n" * 50_000 + b"\r\n",
], ids=lambda one: repr(one[:20]))
def test_chunks_that_are_none(server, chunks):
    answer = raw(server, head(server, EXECUTE, "transfer-encoding: chunked") + chunks)
    # Nothing runs of it, but of what some parsers would read.
    assert status_of(answer) in (0, 202, 400, 413, 431), answer[:500]
    if status_of(answer) == 202:
        assert chunks.startswith((b"2;", b"2\r\n{}\r\n0\r\n"))


@pytest.mark.parametrize("sent", [
    b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, b"hello\r\n\r\n",
    b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    b"GET  /  HTTP/1.1\r\n\r\n", b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: x\r\na\0b: c\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n",
    b"GET http:// HTTP/1.1\r\nhost: x\r\n\r\n", b"GET nothing HTTP/1.1\r\nhost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /api/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    b"POST /api/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n",
    b"POST /api/tasks HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    b"POST /api/tasks HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\nab",
    b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" * 1000,
], ids=lambda one: repr(one[:40]))
def test_what_is_no_http(server, sent):
    answer = raw(server, sent)
    assert status_of(answer) in (0, 200, 307, 400, 401, 404, 405, 426, 501, 505), answer[:300]
    assert b"panicked" not in answer


def test_one_request_is_not_read_as_two(server):
    """A length and chunks at once: no second request comes out of the body."""
    smuggled = b"GET /api/auth/me HTTP/1.1\r\nhost: x\r\n\r\n"
    for body in (b"0\r\n\r\n" + smuggled, smuggled):
        request = head(server, EXECUTE, "content-length: 5", "transfer-encoding: chunked") + body
        assert raw(server, request).count(b"HTTP/1.1 ") <= 1


def test_headers_that_are_huge(server):
    """A problem document where the request was read, a bare 431 where it could not be."""
    for more in (["x-large: " + "y" * 1_000_000], [f"x-{i}: y" for i in range(5_000)],
                 ["authorization: Bearer " + "y" * 200_000], ["y" * 100_000 + ": 1"]):
        answer = raw(server, head(server, "GET /api/tasks", *more))
        assert status_of(answer) in (0, 400, 431), answer[:300]
    with server.client() as client:
        answer = client.get("/api/tasks", headers={"x-large": "y" * 30_000})
        assert answer.status_code == 200


def test_addresses_that_are_very_long(server):
    with server.client() as client:
        check_problem(client.get("/api/nothing/" + "x" * 8_000), 404)
        check_problem(client.get("/api/tasks?cursor=" + "x" * 20_000), 422)
    for length in (60_000, 70_000, 10_000_000):
        answer = raw(server, head(server, "GET /" + "x" * length))
        assert status_of(answer) in (0, 400, 404, 414, 431), answer[:300]


def test_many_requests_at_once_on_one_connection(server):
    """Answered one after the other, each by itself."""
    request = head(server, "GET /api/nothing", "x-request-id: piped")
    last = head(server, "GET /api/nothing", "connection: close")
    answer = raw(server, request * 200 + last, ends=False)
    assert answer.count(b"HTTP/1.1 404") == 201


def test_a_refused_body_leaves_the_connection_usable_or_says_that_it_closes(server):
    """The next request on a connection that was not said to close is answered."""
    body = b'{"name": "x", "code": ""}' + b" " * 100_000
    for line in ("POST /api/nothing", "POST /api/auth/me", "POST /api/tasks"):
        request = head(server, line, f"content-length: {len(body)}")
        if line.endswith("tasks"):
            request = request.replace(b"authorization: Bearer mcp_", b"authorization: Bearer x")
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(request)
            answer = connection.recv(65536)
            assert 400 <= status_of(answer) < 500, answer
            if b"connection: close" in answer.lower():
                continue
            connection.sendall(body + head(server, "GET /healthz"))
            assert b"HTTP/1.1 200" in connection.recv(65536), line


def test_connections_that_do_nothing_do_not_keep_others_out(server):
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        with server.client(timeout=20) as client:
            assert client.get("/healthz").status_code == 200
    finally:
        for connection in idle:
            connection.close()


def test_many_who_leave_before_the_answer(server):
    """Callers that are gone leave nothing open."""
    def leave() -> None:
        for _ in range(20):
            body = b'{"inputs": {}}'
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(
                    head(server, EXECUTE, f"content-length: {len(body)}", "prefer: wait=5") + body)

    callers = [threading.Thread(target=leave) for _ in range(8)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    with server.client() as client:
        deadline = time.monotonic() + 30
        while client.get("/api/tasks", params={"state": "running"}).json()["items"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
