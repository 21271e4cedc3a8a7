"""Requests that nobody should send: each is refused as a problem document, with the status that
says why, and the server goes on."""

from __future__ import annotations

import json
import uuid

import httpx
import pytest

from harness import Server, deploy_code, execute
from problems import MIB, check_problem, check_sound

CODE = "def calculate(a: float = 1.0, b: dict = {}) -> dict:\n    return {'b': a}\n"
JSON = {"content-type": "application/json"}
DEEP = 100_000
ID = str(uuid.UUID(int=7))


@pytest.fixture(scope="module")
def server():
    settings = {"MECAPY_QUOTAS_FAILED_LOGINS_PER_MINUTE": "100000"}
    with Server(settings=settings) as running:
        with running.client() as client:
            deploy_code(client, "good", CODE)
            client.post("/api/files?key=good.txt", content=b"0123456789",
                        headers={"content-type": "text/plain"}).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def sound_afterwards(server):
    yield
    check_sound(server)


#: Where JSON is read, one of each kind of reader.
JSON_PLACES = [
    "POST /api/functions", "POST /api/functions/good/execute", "POST /api/functions/good/batch",
    "PATCH /api/functions/good", "POST /api/tasks", "POST /api/files", "PUT /api/tenant/quotas",
    "POST /api/service-accounts", f"PATCH /api/service-accounts/{ID}",
    f"POST /api/service-accounts/{ID}/tokens",
]

#: Texts that are no JSON, or JSON that would be changed by reading it.
NOT_JSON = {
    "empty": b"",
    "blank": b" \n",
    "text": b"hello",
    "half an object": b'{"inputs": {',
    "half a string": b'{"inputs": "',
    "two documents": b"{} {}",
    "a comma too many": b'{"inputs": {},}',
    "a comment": b"{} // yes",
    "single quotes": b"{'inputs': {}}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"inputs": {}}'.encode("utf-16"),
    "no UTF-8": b'{"inputs": {"a": "\xff\xfe"}}',
    "cut UTF-8": b'{"inputs": {"a": "\xc3"}}',
    "surrogates in UTF-8": b'{"inputs": {"a": "\xed\xa0\x80"}}',
    "a lone surrogate": rb'{"inputs": {"a": "\ud800"}}',
    "a NUL": b'{"inputs": {"a": "\x00"}}',
    "NULs": b"\x00" * 1000,
    "NaN": b'{"inputs": {"a": NaN}}',
    "infinity": b'{"inputs": {"a": -Infinity}}',
    "1e400": b'{"inputs": {"a": 1e400}}',
    "-1e400": b'{"inputs": {"a": -1e400}}',
    "a huge exponent": b'{"inputs": {"a": 1e99999999999999999999}}',
    "10,000 digits": b'{"inputs": {"a": ' + b"9" * 10_000 + b"}}",
    "a leading zero": b'{"inputs": {"a": 01}}',
    "duplicate keys": b'{"inputs": {"a": 1}, "inputs": {"a": 2}}',
    "duplicate keys within": b'{"inputs": {"a": 1, "a": 2}}',
    "duplicate keys by escapes": rb'{"inputs": {"a": 1, "\u0061": 2}}',
    "deep lists": b'{"inputs": {"a": ' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "deep lists that do not end": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "too many values": b'{"inputs": {"a": [' + b"0," * 1_100_000 + b"0]}}",
}


@pytest.mark.parametrize("what", NOT_JSON)
def test_what_is_no_json(client, what):
    for place in JSON_PLACES:
        method, path = place.split()
        answer = client.request(method, path, content=NOT_JSON[what], headers=JSON)
        check_problem(answer, 400)


#: JSON that is not what is asked for.
NOT_WHAT_IS_ASKED_FOR = [
    b"null", b"true", b"1", b'"text"', b"[]", b'[{"inputs": {}}]', b'{"inputs": null}',
    b'{"inputs": []}', b'{"inputs": "a"}', b'{"no_such_field": 1}',
    b'{"inputs": {}, "no_such_field": 1}', b'{"": 1}', b'{"__proto__": {}}',
    b'{"' + b"k" * 100_000 + b'": 1}',
]


@pytest.mark.parametrize("body", NOT_WHAT_IS_ASKED_FOR, ids=lambda one: one[:30].decode())
def test_json_of_another_shape(client, body):
    for place in JSON_PLACES:
        method, path = place.split()
        problem = check_problem(client.request(method, path, content=body, headers=JSON), 400, 422)
        assert len(problem["detail"]) < 2_000


@pytest.mark.parametrize("field, value, pointer", [
    ("inputs", {"a": "text"}, "/inputs/a"),
    ("inputs", {"unknown": 1}, "/inputs"),
    ("version", 1, "/version"),
    ("version", "not a version", "/version"),
    ("version", "1.2.3.4", "/version"),
    ("version", "", "/version"),
    ("version", "9" * 200, "/version"),
    ("priority", "now", "/priority"),
    ("cache", "yes", "/cache"),
    ("timeout", 0, "/timeout"),
    ("timeout", -1, "/timeout"),
    ("timeout", 1e308, "/timeout"),
    ("timeout", "1", "/timeout"),
    ("webhook", "not an address", "/webhook"),
    ("webhook", "http://127.0.0.1:1/", "/webhook"),
    ("webhook", "file:///etc/passwd", "/webhook"),
    ("webhook", "gopher://example.org/", "/webhook"),
    ("webhook", {"url": "https://example.org/", "secret": "short"}, "/webhook"),
    ("webhook", {"url": "https://example.org/", "more": 1}, "/webhook"),
])
def test_a_mistake_in_a_call_is_named_by_its_place(client, field, value, pointer):
    answer = client.post("/api/functions/good/execute", json={field: value})
    problem = check_problem(answer, 422)
    assert any(one["pointer"].startswith(pointer) for one in problem["violations"]), problem


@pytest.mark.parametrize("body", [
    {"name": "Bad Name", "code": CODE}, {"name": "", "code": CODE},
    {"name": "../up", "code": CODE}, {"name": "a" * 64, "code": CODE}, {"name": "x"},
    {"code": CODE}, {"name": "x", "code": 1}, {"name": "x", "code": CODE, "version": "one"},
    {"name": "x", "code": CODE, "visibility": "secret"},
    {"name": "x", "code": CODE, "requirements": [1]},
    {"name": "x", "code": CODE, "requirements": ["../x", "-r /etc/passwd", "x @ file:///etc"]},
    {"git_url": ""}, {"git_url": "file:///etc"}, {"git_url": "ext::sh -c id"},
    {"git_url": "--upload-pack=id"}, {"git_url": "http://127.0.0.1:1/x.git"},
    {"git_url": "https://example.org/x.git", "ref": "--exec=id"},
    {"git_url": "https://example.org/x.git", "subdir": "../.."},
    {"git_url": "https://example.org/x.git", "code": CODE},
], ids=lambda one: json.dumps(one)[:60])
def test_deploys_that_cannot_be(client, body):
    check_problem(client.post("/api/functions", json=body), 422)


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/api/service-accounts", {"name": "", "role": "user"}),
    ("POST", "/api/service-accounts", {"name": "a\nb", "role": "user"}),
    ("POST", "/api/service-accounts", {"name": "x" * 101, "role": "user"}),
    ("POST", "/api/service-accounts", {"name": "x", "role": "root"}),
    ("POST", "/api/service-accounts", {"name": "x", "role": "user", "quotas": {"all": 1}}),
    ("POST", "/api/service-accounts", {"name": "x", "role": "user", "tenant": "other"}),
    ("PUT", "/api/tenant/quotas", {"calls_per_minute": -1}),
    ("PUT", "/api/tenant/quotas", {"calls_per_minute": 2**32}),
    ("PUT", "/api/tenant/quotas", {"storage_bytes": 2**64}),
    ("PUT", "/api/tenant/quotas", {"storage_bytes": 1.5}),
    ("POST", "/api/files", {"key": ""}),
    ("POST", "/api/files", {"key": "../x"}),
    ("POST", "/api/files", {"key": "/x"}),
    ("POST", "/api/files", {"key": "a//b"}),
    ("POST", "/api/files", {"key": "a\x00b"}),
    ("POST", "/api/files", {"key": "x" * 513}),
    ("POST", "/api/files", {"key": "x", "content_type": "a/b\r\nx: y"}),
    ("POST", "/api/functions/good/batch", {"inputs": []}),
    ("POST", "/api/functions/good/batch", {"inputs": [{}] * 10_001}),
    ("POST", "/api/functions/good/batch", {"inputs": [{}, 1]}),
    ("POST", "/api/tasks", {"function_id": "good", "code": CODE}),
    ("POST", "/api/tasks", {"function_id": ["good"]}),
    ("POST", "/api/tasks", {"name": "x"}),
])
def test_values_that_are_not_taken(client, method, path, body):
    check_problem(client.request(method, path, json=body), 422)


@pytest.mark.parametrize("content_type", [
    None, "", "text/plain", "application/xml", "application/jsonp", "application/x-www-form-urlencoded",
    "application/json; charset=utf-16", "json", "multipart/mixed; boundary=x", ";", "*/*",
])
def test_bodies_of_another_content_type(client, content_type):
    headers = {} if content_type is None else {"content-type": content_type}
    for path in ("functions", "functions/good/execute", "functions/good/batch", "tasks",
                 "service-accounts"):
        answer = client.post(f"/api/{path}", content=b'{"inputs": {}}', headers=headers)
        check_problem(answer, 415)


@pytest.mark.parametrize("content_type", ["text", "text/pla\xefn", "x" * 300 + "/y"])
def test_files_of_no_content_type(client, content_type):
    answer = client.post("/api/files?key=typed", content=b"x",
                         headers={"content-type": content_type.encode("latin-1")})
    check_problem(answer, 422)


def test_bodies_that_are_too_large(client):
    """Told by their length or not, sent as a whole or in parts."""
    large = b'{"inputs": {"a": "' + b"x" * (5 * MIB) + b'"}}'
    for place in JSON_PLACES:
        method, path = place.split()
        for content in (large, (large[i : i + 65536] for i in range(0, len(large), 65536))):
            try:
                answer = client.request(method, path, content=content, headers=JSON)
            except httpx.WriteError:
                continue  # It was refused, and its sender did not listen.
            check_problem(answer, 413)
    code = {"name": "x", "code": "#" * (MIB + 1)}
    check_problem(client.post("/api/functions", json=code), 413)
    check_problem(client.post("/api/tasks", json=code | {"inputs": {}}), 413)


def test_uploads_beyond_the_quota():
    with Server(settings={"MECAPY_QUOTAS_STORAGE_BYTES": "1 MiB",
                          "MECAPY_LIMITS_FILE_BYTES": "512 KiB"}) as small, small.client() as client:
        def upload(key: str, content) -> httpx.Response:
            return client.post("/api/files", params={"key": key}, content=content,
                               headers={"content-type": "text/plain"})

        check_problem(upload("large", b"x" * (512 * 1024 + 1)), 413)
        check_problem(upload("streamed", (b"x" * 65536 for _ in range(9))), 413)
        for i in range(2):
            assert upload(f"fits-{i}", b"%d" % i * (512 * 1024)).status_code == 201
        check_problem(upload("one-more", b"x"), 413)
        check_problem(client.post("/api/files", json={"key": "signed"}), 413)
        assert client.get("/api/tenant").json()["stored_bytes"] == MIB
        assert len(client.get("/api/files").json()["items"]) == 2
        client.delete("/api/files/fits-0").raise_for_status()
        assert upload("again", b"x").status_code == 201
        check_sound(small)


@pytest.mark.parametrize("query", [
    "limit=0", "limit=201", "limit=-1", "limit=1.5", "limit=", "limit=many", "limit=%00",
    "limit=99999999999999999999", "limit=1&limit=2", "cursor=!", "cursor=eHg", "cursor=_w",
    "cursor=" + "A" * 3000, "cursor=AAAA", "nothing=1", "cursor=%ff", "cursor=JyBPUiAxPTEtLQ",
])
@pytest.mark.parametrize("path", ["functions", "tasks", "deployments", "service-accounts", "audit",
                                  "webhooks/deliveries", "functions/good/versions"])
def test_queries_that_are_not_understood(client, path, query):
    check_problem(client.get(f"/api/{path}?{query}"), 422)


@pytest.mark.parametrize("query", [
    "state=gone", "function_id=Not%20One", "function_id=a/b/c", "owner=me", "parent=1",
    "priority=now", "dead_letter=maybe", "since=yesterday", "until=2026-13-01T00:00:00Z",
    "since=-1", "since=99999-01-01T00:00:00Z", "version=" + "9" * 200,
])
def test_filters_that_mean_nothing(client, query):
    check_problem(client.get(f"/api/tasks?{query}"), 422)


@pytest.mark.parametrize("path", [
    "/api/tasks/1", "/api/tasks/not-a-uuid", "/api/tasks/%00", "/api/tasks/%ff%fe",
    "/api/tasks/" + "0" * 36, "/api/tasks/" + "f" * 5000, f"/api/tasks/{ID}%00", f"/api/tasks/{ID}/",
    f"/api/tasks/{ID}/nothing", "/api/functions/%00", "/api/functions/%2e%2e%2f%2e%2e",
    "/api/functions/a%2Fb%2Fc", "/api/functions/..%2Fgood", "/api/functions/GOOD",
    "/api/functions/good%20", "/api/functions/%F0%9F%A6%93", "/api/functions/" + "a" * 5000,
    "/api/functions/good/versions/%00", "/api/functions/good/versions/..%2F..",
    "/api/functions/good/versions/" + "9" * 5000, "/api/functions/good/versions/1.0.0-zzz/source",
    "/api/files/%00", "/api/files/..%2F..%2Fetc%2Fpasswd", "/api/files/%2Fetc%2Fpasswd",
    "/api/files/good.txt%00", "/api/files/" + "a/" * 2000 + "b", "/api/files/", "/api/files/%ff",
    f"/api/tasks/{ID}/files/..%2F..%2Fx", "/api/deployments/x", "/api/deployments/x/events",
    "/api/service-accounts/%00", f"/api/service-accounts/{ID}/tokens",
    "/api", "/api/", "/api//tasks", "/api/nothing", "/nothing", "/%00", "/api/openapi.json/x",
    "/.env", "/api/docs/../../etc/passwd", "/api/docs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
])
def test_paths_that_lead_nowhere(server, client, path):
    answer = client.get(httpx.URL(server.url, raw_path=path.encode()))
    check_problem(answer, 404)


@pytest.mark.parametrize("path", ["/api/objects/x", "/api/objects/" + "0" * 64, "/api/objects/%00"])
def test_objects_without_a_signature(client, path):
    check_problem(client.get(path), 422)
    full = f"{path}?name=x&type=text/plain&expires=9999999999&signature=00"
    check_problem(client.get(full), 403)


@pytest.mark.parametrize("prefer", [
    "wait=-1", "wait=x", "wait=", "wait=1e9", "wait=99999999999999999999", "wait", "=", ",,,",
    "wait=0", "respond-async, wait=0", "x" * 10_000, 'wait="', b"wait=\xff",
])
def test_preferences_that_are_not_understood_are_no_preferences(client, prefer):
    answer = client.post("/api/functions/good/execute", json={"inputs": {}},
                         headers={"prefer": prefer})
    assert answer.status_code in (200, 202), answer.text


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", b"\xff", "é".encode()])
def test_idempotency_keys_that_are_none(client, key):
    for path, body in (("functions/good/execute", {}), ("tasks", {"function_id": "good"}),
                       ("service-accounts", {"name": "never", "role": "user"})):
        answer = client.post(f"/api/{path}", json=body, headers={"idempotency-key": key})
        check_problem(answer, 400)


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "99999999999999999999999", b"\xff"])
def test_last_event_ids_that_are_none(client, number):
    task = execute(client, "good", {}).json()["id"]
    answer = client.get(f"/api/tasks/{task}/events", headers={"last-event-id": number})
    check_problem(answer, 400)
    if isinstance(number, str):
        answer = client.get(f"/api/tasks/{task}/events", params={"last_event_id": number})
        check_problem(answer, 422)


@pytest.mark.parametrize("text, status", [
    ("bytes=0-", 206), ("bytes=-1", 206), ("bytes=2-4", 206), ("bytes=0-99999999999999999", 206),
    ("bytes=10-", 416), ("bytes=-0", 416), ("bytes=99999999999999999999999-", 200),
    ("bytes=5-2", 200), ("bytes=0-1,3-4", 200), ("bytes=a-b", 200), ("bytes=--1", 200),
    ("bytes", 200), ("", 200), ("lines=1-2", 200), (b"bytes=\xff-", 200), ("bytes=0-" * 1000, 200),
    ("bytes=18446744073709551615-18446744073709551615", 416), ("bytes=-18446744073709551615", 206),
    ("bytes=0-18446744073709551615", 206),
])
def test_ranges_of_a_file(client, text, status):
    url = client.get("/api/files/good.txt").headers["location"]
    answer = client.get(url, headers={"range": text})
    assert answer.status_code == status, answer.text
    if status == 416:
        check_problem(answer, 416)
        assert answer.headers["content-range"] == "bytes */10"
    else:
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.content in b"0123456789" and answer.content


@pytest.mark.parametrize("text", ["", '"', "W/", "x" * 10_000, ",,,", b"\xff", '"a", "b"'])
def test_etags_that_match_nothing(client, text):
    answer = client.get("/api/functions/good", headers={"if-none-match": text})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECTX", "BREW",
                                    "PROPFIND", "OPTIONS"])
def test_methods_that_an_address_does_not_know(client, method):
    for path in ("/api/tasks/" + ID, "/api/auth/me", "/healthz"):
        answer = client.request(method, path)
        check_problem(answer, 405)
        assert "GET" in answer.headers["allow"]
    check_problem(client.request(method, "/api/nothing"), 404)


def test_head_is_get_without_a_body(client):
    for path in ("/api/functions", "/api/functions/good", "/api/tasks", "/healthz",
                 f"/api/tasks/{ID}", "/api/nothing"):
        got, head = client.get(path), client.head(path)
        assert head.status_code == got.status_code
        assert head.content == b"" and head.headers["x-request-id"]
        assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("id, is_kept", [("abc-1", True), ("x" * 128, True), ("x" * 129, False),
                                         ("a b", False), (b"\xff", False), ("", False)])
def test_request_ids_of_the_caller(client, id, is_kept):
    answer = client.get("/api/nothing", headers={"x-request-id": id})
    problem = check_problem(answer, 404)
    assert (problem["request_id"] == id) is is_kept
