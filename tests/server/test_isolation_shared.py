"""What two companies share: public functions, the engine, the cache, equal names and contents,
and addresses that are signed."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

import company
from access_table import CODE, fresh
from company import MARKER, OTHER, ROLES, TENANT, content, deploy_package, every
from harness import Server, deploy_code, execute, wait_until_final

#: What the next call would be told, if anything of this one stayed.
REMEMBERS = """
import json
from pathlib import Path

import mecapy

SEEN = []

def calculate(text: str) -> dict:
    before = list(SEEN)
    SEEN.append(text)
    found = sorted(str(one) for one in Path("/tmp").iterdir())
    Path("/tmp", text).write_text(text)
    with mecapy.files.open("out/own.txt", "w") as file:
        file.write(text)
    kept = vars(json).get("kept")
    json.kept = text
    return {"seen": before, "files": found, "kept": kept}
"""
CLOCK = "import time\n\ndef calculate(a: float) -> dict:\n    return {'at': time.time_ns()}\n"
RAISES = f"def calculate(a: float) -> dict:\n    raise ValueError('said')  # {MARKER}\n"


@pytest.fixture(scope="module")
def server():
    settings = {"MECAPY_QUOTAS_FAILED_LOGINS_PER_MINUTE": "100000"}
    with Server(settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def ours(server):
    """The company's staff, and the ids of its accounts."""
    clients, ids, _ = company.staff(server, TENANT, prefix=f"{MARKER} ")
    return clients | {"ids": list(ids.values())}


@pytest.fixture(scope="module")
def theirs(server):
    return company.staff(server, OTHER)[0]


def public(ours, code: str, runtime: str | None = None) -> str:
    """A public function of the company; as others say its id."""
    name = fresh("open")
    if runtime is None:
        deploy_code(ours["developer"], name, code, visibility="public")
    else:
        deploy_package(ours["developer"], name, code, runtime, visibility="public")
    return name


def abroad(name: str) -> str:
    return f"{TENANT}%2F{name}"


def test_a_public_function_is_called_by_its_full_name(ours, theirs):
    name = public(ours, CODE)
    done = execute(theirs["user"], abroad(name), {"a": 3})
    assert done.status_code == 200, done.text
    task = done.json()
    assert task["result"] == {"b": 3} and task["function_id"] == f"{TENANT}/{name}"
    # The task is the caller's company's alone.
    for role in ROLES:
        assert theirs[role].get(f"/api/tasks/{task['id']}").status_code == 200
        assert ours[role].get(f"/api/tasks/{task['id']}").status_code == 404
        shown = ours[role].get("/api/tasks", params={"limit": 200}).json()["items"]
        assert task["id"] not in {one["id"] for one in shown}
    stats = ours["admin"].get(f"/api/functions/{name}").json()["stats"]
    assert stats["completed"] == 0 and stats["recent_p95_ms"] is None
    stats = theirs["admin"].get(f"/api/functions/{abroad(name)}").json()["stats"]
    assert stats["completed"] == 1
    assert theirs["viewer"].post(
        f"/api/functions/{abroad(name)}/execute", json={"inputs": {"a": 1}}
    ).status_code == 403


def test_a_public_function_is_found_when_asked_for(ours, theirs):
    name = public(ours, CODE)
    hidden = fresh("closed")
    deploy_code(ours["developer"], hidden, CODE)
    ids = {one["id"] for one in every(theirs["viewer"], "/api/functions")}
    assert not any(one.startswith(TENANT) for one in ids)
    shown = theirs["viewer"].get("/api/functions", params={"public": "true", "limit": 200}).json()
    ids = {one["id"] for one in shown["items"]}
    assert f"{TENANT}/{name}" in ids and f"{TENANT}/{hidden}" not in ids


def test_the_source_of_a_public_function_is_not_shown(ours, theirs):
    """Neither as an archive nor in what the function's versions tell."""
    code = f"# {MARKER}\n" + CODE
    name = public(ours, code)
    url = f"/api/functions/{abroad(name)}"
    version = theirs["viewer"].get(url).json()["version"]
    for role in ROLES:
        client = theirs[role]
        for one in (version, "latest", "0"):
            assert client.get(f"{url}/versions/{one}/source").status_code in (403, 404)
        for path in (url, f"{url}/versions", f"{url}/versions/{version}"):
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            shown = answer.text.replace(TENANT, "")
            told = [one for one in [MARKER, *ours["ids"]] if one in shown]
            assert not told, f"{path} tells {told}: {answer.text}"
            items = answer.json().get("items", [answer.json()])
            assert not any(one.get("origin") or one.get("report") for one in items)
    for method, path, body in (
        ("PATCH", url, {"visibility": "private"}), ("DELETE", url, None),
        ("DELETE", f"{url}/versions/{version}", None),
    ):
        given = {"json": body} if body else {}
        assert theirs["admin"].request(method, path, **given).status_code in (403, 404)
    assert ours["admin"].get(f"/api/functions/{name}").json()["visibility"] == "public"


def test_a_failure_of_a_public_function_does_not_show_its_source(ours, theirs):
    name = public(ours, RAISES)
    done = execute(theirs["user"], abroad(name), {"a": 1}).json()
    assert done["state"] == "failed" and "said" in done["error"]["message"]
    task = f"/api/tasks/{done['id']}"
    for path in ("", "/results", "/logs", "/events", "/status"):
        assert MARKER not in theirs["admin"].get(task + path).text.replace(TENANT, ""), path
    own = execute(ours["user"], name, {"a": 1}).json()
    assert MARKER in own["error"]["traceback"]


def test_what_is_public_no_longer_is_not_called(ours, theirs):
    """Nor by a task that was made before."""
    name = public(ours, CODE)
    user = theirs["user"]
    body = {"function_id": f"{TENANT}/{name}", "inputs": {"a": 1}}
    made = user.post("/api/tasks", json=body).json()["id"]
    done = execute(user, abroad(name), {"a": 1}).json()["id"]
    ours["developer"].patch(f"/api/functions/{name}", json={"visibility": "company"})
    assert execute(user, abroad(name), {"a": 1}).status_code == 404
    assert user.get(f"/api/functions/{abroad(name)}").status_code == 404
    for path in (f"/api/tasks/{made}/execute", f"/api/tasks/{done}/retry"):
        assert user.post(path, headers={"prefer": "wait=30"}).status_code in (404, 409)
    # What it computed for them stays theirs.
    assert user.get(f"/api/tasks/{done}/results").json()["result"] == {"b": 1}


def test_a_deleted_public_function_is_gone_for_its_own_tenant_alone(ours, theirs):
    name = public(ours, CODE)
    assert theirs["user"].get(f"/api/functions/{abroad(name)}").status_code == 200
    ours["developer"].delete(f"/api/functions/{name}").raise_for_status()
    assert ours["user"].get(f"/api/functions/{name}").status_code == 410
    gone = theirs["user"].get(f"/api/functions/{abroad(name)}")
    never = theirs["user"].get(f"/api/functions/{abroad('never-was')}")
    assert gone.status_code == never.status_code == 404
    assert gone.json()["detail"] == never.json()["detail"]


def test_a_call_finds_nothing_of_the_call_before(ours, theirs):
    """Whoever calls: no variable, no file, no attribute of a module."""
    name = public(ours, REMEMBERS)
    for i in range(6):
        client, id = ((ours["user"], name), (theirs["user"], abroad(name)))[i % 2]
        done = execute(client, id, {"text": f"{MARKER}-{i}"}, cache=False).json()
        assert done["result"] == {"seen": [], "files": [], "kept": None}, done


def test_results_are_not_answered_from_another_tenants_cache(ours, theirs):
    name = public(ours, CLOCK, "{cache: true}")
    first = execute(ours["user"], name, {"a": 1}).json()
    again = execute(ours["admin"], name, {"a": 1}).json()
    assert again["cached"] and again["result"] == first["result"]
    other = execute(theirs["user"], abroad(name), {"a": 1}).json()
    assert not other["cached"] and other["result"] != first["result"]
    again = execute(theirs["admin"], abroad(name), {"a": 1}).json()
    assert again["cached"] and again["result"] == other["result"]


def test_an_idempotency_key_is_its_accounts_own(ours, theirs):
    """The same key and body of another account, or another company, is another request."""
    name = public(ours, CODE)
    headers = {"idempotency-key": fresh("key"), "prefer": "wait=30"}
    ids = set()
    callers = [(ours["user"], name), (ours["developer"], name), (theirs["user"], abroad(name)),
               (theirs["admin"], abroad(name))]
    for client, id in callers:
        url = f"/api/functions/{id}/execute"
        first = client.post(url, json={"inputs": {"a": 1}}, headers=headers)
        assert first.status_code == 200 and "idempotency-replayed" not in first.headers
        again = client.post(url, json={"inputs": {"a": 1}}, headers=headers)
        assert again.json()["id"] == first.json()["id"]
        assert again.headers["idempotency-replayed"] == "true"
        ids.add(first.json()["id"])
    assert len(ids) == len(callers)
    key = {"idempotency-key": fresh("key")}
    body = {"name": fresh("same"), "role": "viewer"}
    answers = [one["admin"].post("/api/service-accounts", json=body, headers=key)
               for one in (ours, theirs)]
    assert [one.status_code for one in answers] == [201, 201]
    assert [one.json()["tenant"] for one in answers] == [TENANT, OTHER]
    # Refused first, a key tells nothing of the account that used it.
    refused = theirs["viewer"].post("/api/service-accounts", json=body, headers=key)
    assert refused.status_code == 403


def test_equal_names_of_two_tenants_are_two_things(ours, theirs):
    name, key = fresh("same"), f"{fresh('same')}/file.txt"
    deploy_code(ours["developer"], name, CODE)
    deploy_code(theirs["developer"], name, CODE.replace("a}", "a * 10}"))
    assert execute(ours["user"], name, {"a": 1}).json()["result"] == {"b": 1}
    assert execute(theirs["user"], name, {"a": 1}).json()["result"] == {"b": 10}
    for client, text in ((ours["user"], b"ours"), (theirs["user"], b"theirs")):
        client.post("/api/files", params={"key": key}, content=text,
                    headers={"content-type": "text/plain"}).raise_for_status()
    assert content(ours["user"], key) == b"ours"
    assert content(theirs["user"], key) == b"theirs"
    theirs["developer"].delete(f"/api/functions/{name}").raise_for_status()
    theirs["user"].delete(f"/api/files/{key}").raise_for_status()
    assert execute(ours["user"], name, {"a": 1}).json()["result"] == {"b": 1}
    assert content(ours["user"], key) == b"ours"
    assert content(theirs["user"], key) == 404


def test_equal_contents_are_counted_and_deleted_by_themselves(ours, theirs):
    """That a content is there already is neither told nor relied upon."""
    text, key = b"the same content of both " * 100, fresh("content")
    answers = []
    for client in (ours["user"], theirs["user"]):
        before = client.get("/api/tenant").json()["stored_bytes"]
        answers.append(client.post("/api/files", params={"key": key}, content=text,
                                   headers={"content-type": "text/plain"}))
        assert client.get("/api/tenant").json()["stored_bytes"] == before + len(text)
    first, second = (one.json() | {"created_at": None} for one in answers)
    assert first == second
    ours["user"].delete(f"/api/files/{key}").raise_for_status()
    assert content(theirs["user"], key) == text


def test_files_of_another_tenant_are_no_inputs(ours, theirs):
    key = f"{MARKER}/input.txt"
    ours["user"].post("/api/files", params={"key": key}, content=MARKER.encode(),
                      headers={"content-type": "text/plain"}).raise_for_status()
    code = ("import mecapy\n\ndef calculate(file: dict, a: float = 1.0) -> dict:\n"
            "    return {'text': mecapy.files.open(file['$file']).read().decode()}\n")
    name = public(ours, code)
    own = execute(ours["user"], name, {"file": {"$file": key}}).json()
    assert own.get("result") == {"text": MARKER}, own["error"]
    refused = [execute(theirs["user"], abroad(name), {"file": {"$file": one}})
               for one in (key, key.replace("input", "never"))]
    assert [one.status_code for one in refused] == [422, 422]
    assert refused[0].json()["violations"][0]["rule"] == refused[1].json()["violations"][0]["rule"]
    # Nor is one opened that the call was not given.
    code = ("import mecapy\n\ndef calculate(key: str) -> dict:\n"
            "    return {'text': mecapy.files.open(key).read().decode()}\n")
    name = public(ours, code)
    for client, id in ((ours["user"], name), (theirs["user"], abroad(name))):
        done = execute(client, id, {"key": key}).json()
        assert done["state"] == "failed" and "result" not in done, done


# -- signed addresses


def changed(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | changes
    return f"{parts.path}?{urlencode({k: v for k, v in query.items() if v is not None})}"


def signed(client: httpx.Client, text: bytes = b"signed") -> tuple[str, str, str]:
    """A file's key, its signed address, and one to upload to it."""
    key = f"{fresh('signed')}/file.txt"
    client.post("/api/files", params={"key": key}, content=text,
                headers={"content-type": "text/plain"}).raise_for_status()
    upload = client.post("/api/files", json={"key": key, "content_type": "text/plain"})
    return key, client.get(f"/api/files/{key}").headers["location"], upload.json()["upload_url"]


def test_a_signed_download_holds_for_what_it_says_alone(server, ours, theirs):
    _, url, upload = signed(ours["user"])
    _, other, _ = signed(ours["user"], MARKER.encode())
    with httpx.Client(base_url=server.url) as client:
        assert client.get(url).content == b"signed"
        signature = dict(parse_qsl(urlsplit(url).query))["signature"]
        expires = int(dict(parse_qsl(urlsplit(url).query))["expires"])
        wrong = [
            changed(url, name="other.txt"), changed(url, type="text/html"),
            changed(url, expires=str(expires + 1)), changed(url, expires="1"),
            changed(url, expires="-1"), changed(url, expires=str(2**63 - 1)),
            changed(url, signature=signature[:-1]), changed(url, signature=signature.upper()),
            changed(url, signature=""), changed(url, signature="0" * 64),
            # The same signature for another content, and one of an upload.
            f"{urlsplit(other).path}?{urlsplit(url).query}",
            changed(url, signature=dict(parse_qsl(urlsplit(upload).query))["signature"]),
        ]
        for one in wrong:
            answer = client.get(one)
            assert answer.status_code == 403, (one, answer.status_code)
            assert answer.json()["detail"] == client.get(wrong[0]).json()["detail"]
        for one in (changed(url, signature=None), changed(url, tenant="x"),
                    changed(url, expires="soon"), changed(url, expires=str(2**64))):
            assert client.get(one).status_code == 422, one
        assert client.put(url, content=b"x").status_code == 405


def test_a_signed_upload_holds_for_what_it_says_alone(server, ours, theirs):
    key, download, url = signed(ours["user"])
    account = theirs["admin"].get("/api/auth/me").json()["id"]
    query = dict(parse_qsl(urlsplit(url).query))
    with httpx.Client(base_url=server.url, headers={"content-type": "text/plain"}) as client:
        wrong = [
            changed(url, tenant=OTHER), changed(url, account=account), changed(url, key="other"),
            changed(url, type="text/html"), changed(url, most=str(int(query["most"]) + 1)),
            changed(url, expires=str(int(query["expires"]) + 1)), changed(url, expires="1"),
            changed(url, signature="0" * 64),
            changed(url, signature=dict(parse_qsl(urlsplit(download).query))["signature"]),
        ]
        for one in wrong:
            assert client.put(one, content=b"forged").status_code == 403, one
        assert content(ours["user"], key) == b"signed"
        assert content(theirs["user"], key) == 404 and content(theirs["user"], "other") == 404
        assert client.put(url, content=b"uploaded").status_code == 201
        assert content(ours["user"], key) == b"uploaded"


def test_signed_addresses_expire():
    settings = {"MECAPY_RETENTION_SIGNED_URL_SECONDS": "1"}
    with Server(settings=settings) as brief, brief.client() as client:
        key, download, upload = signed(client)
        with httpx.Client(base_url=brief.url, headers={"content-type": "text/plain"}) as nobody:
            deadline = time.monotonic() + 10
            while (answer := nobody.get(download)).status_code != 403:
                assert answer.content == b"signed"
                assert time.monotonic() < deadline, "it holds still"
                time.sleep(0.05)
            while nobody.put(upload, content=b"late").status_code != 403:
                assert time.monotonic() < deadline, "it holds still"
                time.sleep(0.05)


def test_a_batch_of_a_public_function_is_its_callers(ours, theirs):
    name = public(ours, CODE)
    made = theirs["user"].post(
        f"/api/functions/{abroad(name)}/batch", json={"inputs": [{"a": 1}, {"a": 2}]}
    )
    assert made.status_code == 202, made.text
    for task in made.json()["tasks"]:
        assert wait_until_final(theirs["user"], task)["state"] == "completed"
        assert ours["admin"].get(f"/api/tasks/{task}").status_code == 404
    listed = ours["admin"].get("/api/tasks", params={"parent": made.json()["id"]}).json()
    assert listed == {"items": [], "next_cursor": None}
