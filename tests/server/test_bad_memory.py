"""Memory stays bounded, however much arrives at once.

Chosen: 20 callers at a time, each with the largest body of its kind; the server's peak
(`VmHWM`, counted anew before each flood) is at most 150 MiB above its memory before it. Where
packages of 64 MiB are taken, some of them are in memory as a whole: there it is 400 MiB, far
below the 1,280 MiB that all of them have. Large JSON has 4 MiB of bodies at a time: one of a
million values, which takes some 150 MiB and more when it is parsed, checked and written,
so there it is 400 MiB too, where all twenty would be 3 GiB. A caller may be refused (413, 429, 503): only for
some moments, for want of room.
"""

from __future__ import annotations

import io
import threading
import zipfile

import httpx
import pytest

from harness import Server, deploy_code, execute
from problems import MIB, check_sound, forget_peak, memory

CALLERS = 20
MOST_GROWTH = 150 * MIB
LARGE_JSON_GROWTH = 400 * MIB
CODE = "def calculate(a: dict = {}) -> dict:\n    return {'b': 1}\n"
JSON = {"content-type": "application/json"}


@pytest.fixture()
def server():
    with Server() as running:
        with running.client() as client:
            deploy_code(client, "good", CODE)
            for _ in range(20):
                execute(client, "good", {}).raise_for_status()
        yield running
        check_sound(running)
        with running.client() as client:
            assert execute(client, "good", {}).json()["result"] == {"b": 1}


def flood(server: Server, request, callers: int = CALLERS) -> tuple[set[int], int]:
    """All of them at a time: the statuses, and how much the peak was above the memory before.
    0 stands for a connection that was closed while its body was sent."""
    statuses: list[int] = []

    def one(i: int) -> None:
        try:
            with server.client(timeout=180.0) as client:
                statuses.append(request(client, i).status_code)
        except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
            statuses.append(0)

    before = memory(server)
    forget_peak(server)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == callers
    growth = memory(server, "VmHWM") - before
    print(f"{sorted(statuses)}: {growth / MIB:.0f} MiB")
    return set(statuses), growth


def form(part: bytes, parts: int):
    """A package of so many parts, made while it is sent."""
    yield b'--x\r\ncontent-disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'
    for _ in range(parts):
        yield part
    yield b"\r\n--x--\r\n"


FORM = {"content-type": "multipart/form-data; boundary=x"}


def test_packages_of_the_largest_size(server):
    part = b"P" * (MIB // 4)
    statuses, growth = flood(
        server, lambda client, i: client.post(
            "/api/functions", content=form(part, 4 * 63), headers=FORM))
    assert statuses <= {0, 422, 429, 503}
    assert growth < 400 * MIB, f"{growth / MIB:.0f} MiB"


def test_packages_beyond_the_largest_size(server):
    part = b"P" * (MIB // 4)
    statuses, growth = flood(
        server, lambda client, i: client.post(
            "/api/functions", content=form(part, 4 * 80), headers=FORM))
    assert statuses <= {0, 413, 429, 503}
    assert growth < 400 * MIB, f"{growth / MIB:.0f} MiB"


def test_uploads_are_not_kept_in_memory(server):
    part = b"u" * (MIB // 4)
    headers = {"content-type": "application/octet-stream"}
    statuses, growth = flood(
        server, lambda client, i: client.post(
            f"/api/files?key=large-{i}", content=(part for _ in range(4 * 64)), headers=headers))
    assert statuses == {201}
    assert growth < MOST_GROWTH, f"{growth / MIB:.0f} MiB"


def test_bombs(server):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mecapy.yaml", 'version: "1.0"\nmetadata: {name: bomb}\n')
        archive.writestr("handler.py", CODE)
        with archive.open("zeros", "w", force_zip64=True) as entry:
            for _ in range(1024):
                entry.write(b"\0" * MIB)
    bomb = packed.getvalue()
    statuses, growth = flood(
        server,
        lambda client, i: client.post("/api/functions", files={"archive": ("b.zip", bomb)}))
    assert statuses <= {422, 429, 503}
    assert growth < MOST_GROWTH, f"{growth / MIB:.0f} MiB"


#: JSON within the limit of 4 MiB, and beyond, that is large when it is read.
LARGE = {
    "a text": b'{"function_id": "good", "inputs": {"a": {"x": "' + b"y" * (4 * MIB - 100) + b'"}}}',
    "many values": b'{"function_id": "good", "inputs": {"a": {"x": [' + b"0," * 990_000 + b"0]}}}",
    "many lists": b'{"function_id": "good", "inputs": {"a": {"x": [' + b"[]," * 990_000 + b"[]]}}}",
    "many keys": b'{"function_id": "good", "inputs": {"a": {' + b",".join(b'"%d":0' % i for i in range(380_000)) + b"}}}",
    "too many values": b'{"inputs": {"a": {"x": [' + b"0," * 1_900_000 + b"0]}}}",
    "too large": b'{"inputs": {"a": {"x": "' + b"y" * (64 * MIB) + b'"}}}',
}


@pytest.mark.parametrize("what", LARGE)
def test_large_json(server, what):
    """Read, checked and stored; what a call computes has limits of its own."""
    body = LARGE[what]
    statuses, growth = flood(
        server, lambda client, i: client.post("/api/tasks", content=body, headers=JSON))
    allowed = {"too many values": {400}, "too large": {0, 413}}.get(what, {201})
    assert statuses <= allowed | {429, 503}
    assert growth < LARGE_JSON_GROWTH, f"{growth / MIB:.0f} MiB"


def test_it_does_not_grow_from_flood_to_flood(server):
    """What was taken once is taken again: the same flood does not add to it."""
    def request(client, i):
        return client.post("/api/tasks", content=LARGE["too many values"], headers=JSON)

    flood(server, request)
    settled = memory(server)
    for _ in range(3):
        flood(server, request)
    assert memory(server) - settled < 50 * MIB
