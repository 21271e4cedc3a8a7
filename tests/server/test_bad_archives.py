"""Packages that nobody should send: as a form that is none, or as an archive that is hostile."""

from __future__ import annotations

import io
import random
import struct
import zipfile

import httpx
import pytest

from harness import Server, deploy_code, execute
from problems import MIB, check_problem, check_sound

MANIFEST = b'version: "1.0"\nmetadata: {name: packed}\n'
HANDLER = b"def calculate(a: float = 1.0) -> dict:\n    return {'b': a}\n"


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with server.client(timeout=120.0) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def sound_afterwards(server):
    yield
    check_sound(server)
    with server.client() as client:
        deploy_code(client, "still-works", HANDLER.decode())
        assert execute(client, "still-works", {"a": 2}).json()["result"] == {"b": 2}
        # Nothing of what was refused is there.
        ids = [one["id"] for one in client.get("/api/functions").json()["items"]]
        assert ids == ["still-works"]


def zipped(*more: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, mode: int = 0o100644) -> bytes:
    """A good package with other entries, written as told."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in (("mecapy.yaml", MANIFEST), ("handler.py", HANDLER), *more):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            entry.external_attr = (mode if (name, content) in more else 0o100644) << 16
            entry.create_system = 3
            archive.writestr(entry, content)
    return packed.getvalue()


def renamed(name: bytes) -> bytes:
    """A package with an entry of this name, which ZIP writers would tidy up."""
    placeholder = b"q" * len(name)
    packed = zipped((placeholder.decode(), b"evil = 1\n"))
    assert packed.count(placeholder) == 2
    return packed.replace(placeholder, name)


def send(client: httpx.Client, archive: bytes, name: str = "package.zip") -> httpx.Response:
    return client.post("/api/functions", files={"archive": (name, archive)})


@pytest.mark.parametrize("name", [
    b"../evil.py", b"a/../../evil.py", b"/etc/passwd", b"C:/evil.py", b"a//evil.py", b"./evil.py",
    b"a\\..\\evil.py", b"a\x00b.py", b"a\nb.py", b"a\xff\xfe.py", b"..", b"a/.", b"HANDLER.PY",
    b"handler.py", b"mecapy.yaml", b"d/" * 40 + b"f",
], ids=repr)
def test_names_that_lead_elsewhere_or_clash(client, name):
    problem = check_problem(send(client, renamed(name)), 422)
    assert problem["type"].endswith("invalid-package") and problem["problems"]


@pytest.mark.parametrize("mode", [0o120777, 0o020644, 0o060644, 0o010644, 0o140644], ids=oct)
def test_links_and_devices(client, mode):
    check_problem(send(client, zipped(("data", b"/etc/passwd"), mode=mode)), 422)


def test_archives_that_are_cut(client):
    good = zipped()
    cuts = {0, 1, 2, 3, 4, 10, 22, 30, len(good) // 3, len(good) // 2, len(good) - 22,
            *range(len(good) - 10, len(good))}
    for cut in sorted(cuts):
        check_problem(send(client, good[:cut]), 422)


def test_archives_that_are_damaged(client):
    good = zipped(method=zipfile.ZIP_STORED)
    for at in range(0, len(good), 7):
        bad = bytearray(good)
        bad[at] ^= 0xFF
        answer = send(client, bytes(bad))
        # What no reader looks at may be anything.
        if answer.status_code == 201:
            client.delete(f"/api/functions/{answer.json()['id']}").raise_for_status()
        else:
            check_problem(answer, 422)


NOISE = bytes((i * 7919 + (i >> 8) * 31) & 0x07 for i in range(MIB))


@pytest.mark.parametrize("what, archive", [
    ("zeros", lambda: zipped(("zeros", b"\0" * (200 * MIB)))),
    ("zeros in Python", lambda: zipped(("big.py", b"#" * (100 * MIB)))),
    ("many files", lambda: zipped(*((f"f{i}", b"") for i in range(2_001)))),
    ("more entries", lambda: zipped(*((f".git/{i}", b"") for i in range(20_001)))),
    ("a ZIP of zeros that lies", lambda: zipped(("zeros", b"\0" * (50 * MIB))).replace(
        struct.pack("<I", 50 * MIB), struct.pack("<I", 100))),
    ("larger than it says", lambda: zipped(*((f"n{i}", NOISE) for i in range(300)))),
    ("no ZIP", lambda: b"PK" * 1000),
    ("a gzip", lambda: b"\x1f\x8b\x08\0" + b"\0" * 100),
    ("nothing", lambda: b""),
], ids=lambda one: one if isinstance(one, str) else "")
def test_bombs_and_nonsense(client, what, archive):
    check_problem(send(client, archive()), 413, 422)


@pytest.mark.parametrize("manifest", [
    b"", b"\xff\xfe", b"[]", b"version: 2", b"a: &a [*a]", b"- " * 100_000, b"{" * 100_000,
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e]\n",
    b'version: "1.0"\nmetadata: {name: "../x"}\n',
    b'version: "1.0"\nmetadata: {name: x}\nruntime: {timeout: 1e400}\n',
    b'version: "1.0"\nmetadata: {name: x}\nruntime: {timeout: -1}\n',
    b'version: "1.0"\nmetadata: {name: x}\nfunctions: [{id: a, handler: "os:system"}]\n',
    b'!!python/object/apply:os.system ["id"]\n',
], ids=lambda one: repr(one[:30]))
def test_manifests_that_are_none(client, manifest):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mecapy.yaml", manifest)
        archive.writestr("handler.py", HANDLER)
    check_problem(send(client, packed.getvalue()), 422)


def test_an_archive_beyond_the_limit(client):
    """Streamed: it is refused when the limit is passed, not when it has ended."""
    sent = 0

    def parts():
        nonlocal sent
        yield b'--x\r\ncontent-disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'
        for _ in range(100):
            sent += MIB
            yield b"P" * MIB
        yield b"\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    try:
        check_problem(client.post("/api/functions", content=parts(), headers=headers), 413)
    except (httpx.WriteError, httpx.RemoteProtocolError):
        pass  # It was closed while it was sent.
    # Beyond what was taken, there is what lay in the buffers of sockets.
    assert sent < 90 * MIB


def test_a_package_within_the_limit_is_taken(client):
    """What is refused as too large is too large."""
    answer = send(client, zipped(("data.bin", random.Random(7).randbytes(20 * MIB)),
                                 method=zipfile.ZIP_STORED))
    assert answer.status_code == 201, answer.text
    client.delete(f"/api/functions/{answer.json()['id']}").raise_for_status()


FORM = (b'--x\r\ncontent-disposition: form-data; name="archive"; filename="a.py"\r\n\r\n'
        + HANDLER + b"\r\n")
END = b"--x--\r\n"
FIELD = b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n'


@pytest.mark.parametrize("what, content_type, body, statuses", [
    ("no boundary", "multipart/form-data", FORM + END, (400,)),
    ("an empty boundary", "multipart/form-data; boundary=", FORM + END, (400, 422)),
    ("another boundary", "multipart/form-data; boundary=y", FORM + END, (400, 422)),
    ("two archives", "multipart/form-data; boundary=x", FORM + FORM + END, (422,)),
    ("no archive", "multipart/form-data; boundary=x", END, (400, 422)),
    ("nothing", "multipart/form-data; boundary=x", b"", (400, 422)),
    ("no end", "multipart/form-data; boundary=x", FORM, (400,)),
    ("cut within", "multipart/form-data; boundary=x", FORM[:-20], (400,)),
    ("an unknown field", "multipart/form-data; boundary=x", FORM + FIELD % (b"y", b"1") + END, (422,)),
    ("an unknown visibility", "multipart/form-data; boundary=x",
     FORM + FIELD % (b"visibility", b"secret") + END, (422,)),
    ("a visibility of bytes", "multipart/form-data; boundary=x",
     FORM + FIELD % (b"visibility", b"\xff") + END, (422,)),
    ("a large field", "multipart/form-data; boundary=x",
     FORM + FIELD % (b"visibility", b"x" * 5000) + END, (413, 422)),
    ("a field with a long name", "multipart/form-data; boundary=x",
     FORM + FIELD % (b"n" * 5000, b"x") + END, (400, 413, 422)),
    ("many fields", "multipart/form-data; boundary=x", FIELD % (b"y", b"") * 10_000 + END, (400, 422)),
    ("headers that do not end", "multipart/form-data; boundary=x",
     b"--x\r\n" + b"a: b\r\n" * 50_000, (400, 413, 422)),
    ("no name", "multipart/form-data; boundary=x",
     b"--x\r\ncontent-type: a/b\r\n\r\nz\r\n" + END, (400, 422)),
    ("garbage", "multipart/form-data; boundary=x", bytes(range(256)) * 100, (400, 422)),
], ids=lambda one: one if isinstance(one, str) and "/" not in one else "")
def test_forms_that_are_none(client, what, content_type, body, statuses):
    answer = client.post("/api/functions", content=body, headers={"content-type": content_type})
    check_problem(answer, *statuses)


@pytest.mark.parametrize("code", [b"\xff\xfe\0", b"", b"\0", b"def calculate(", b"import os\n" + HANDLER,
                                  b"(" * 10_000 + b")" * 10_000, b"-" * 100_000 + b"1",
                                  b"x = " + b"9" * 100_000 + b"\n" + HANDLER],
                         ids=lambda one: repr(one[:20]))
def test_scripts_that_are_none(client, code):
    answer = send(client, code, "packed.py")
    check_problem(answer, 422)
