"""A full disk: refused in words, nothing acknowledged lost, all well once there is space."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from faults import (
    FINAL, WORK, check_database, check_events, check_result, check_same, check_swept, problem,
    wait_until_idle,
)
from harness import Server, deploy_code, execute, wait_until_final

SEED = int(os.environ.get("FAULT_SEED", "20263"))
DISK = "24m"
FILLER_BYTES = 5 * 1024 * 1024
#: What a server without space may say: it is full, not available, or not for so much.
REFUSALS = {507: "storage-full", 503: "unavailable", 413: "too-large"}
#: Nothing takes longer than this, full or not.
SECONDS = 10.0


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def put_filler(disk: Path) -> Path:
    """Something beside the data that can be taken away again."""
    filler = disk / "filler"
    filler.write_bytes(b"\0" * FILLER_BYTES)
    return filler


def refused(answer: httpx.Response) -> str:
    """The refusal, which is one that a full server may give."""
    assert answer.status_code in REFUSALS, (answer.status_code, answer.text)
    slug = problem(answer)
    assert slug == REFUSALS[answer.status_code], answer.text
    if answer.status_code != 413:
        assert "retry-after" in answer.headers, answer.headers
    return slug


def upload(client: httpx.Client, key: str, content: bytes) -> httpx.Response:
    began = time.monotonic()
    answer = client.post(
        f"/api/files?key={key}", content=content, headers={"content-type": "text/plain"}
    )
    assert time.monotonic() - began < SECONDS
    return answer


def fill(client: httpx.Client, chance: random.Random) -> dict[str, str]:
    """Uploads until nothing more is taken; the files that were, by key with their hash."""
    files = {}
    for size in (1024 * 1024, 64 * 1024, 4096, 16):
        refusals = 0
        while refusals < 3:
            content = chance.randbytes(size)
            key = f"fill/{size}-{len(files)}"
            answer = upload(client, key, content)
            if answer.status_code == 201:
                files[key] = hashlib.sha256(content).hexdigest()
                assert answer.json()["sha256"] == files[key]
            else:
                refused(answer)
                refusals += 1
            assert len(files) < 10_000
    return files


def queue(client: httpx.Client, inputs: dict, **headers) -> httpx.Response:
    return client.post("/api/functions/work/execute", json={"inputs": inputs}, headers=headers)


def check_file(client: httpx.Client, key: str, sha256: str) -> None:
    answer = client.get(f"/api/files/{key}", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(answer.content).hexdigest() == sha256, key


def check_calls_while_full(client: httpx.Client, acknowledged: list[dict]) -> None:
    """A call is refused in words, or it is done and stored."""
    refusals = 0
    for seed in range(1000, 1040):
        kind = ("large", "quick", "file", "log")[seed % 4]
        began = time.monotonic()
        answer = execute(client, "work", {"kind": kind, "seed": seed}, wait=5)
        assert time.monotonic() - began < SECONDS
        if answer.status_code == 200:
            task = answer.json()
            if task["state"] == "failed":
                # It could not write its files.
                assert kind == "file" and task["error"]["kind"] == "exception", task
            else:
                assert task["state"] == "completed" and kind != "large", task
            acknowledged.append(task)
        elif answer.status_code == 202:
            acknowledged.append(answer.json())
        else:
            assert refused(answer) != "too-large"
            refusals += 1
    assert refusals >= 10


def check_reads_while_full(client: httpx.Client, files: dict[str, str], tasks: list[dict]) -> None:
    assert client.get("/healthz").status_code == 200
    for path in ("/api/functions", "/api/functions/work", "/api/tasks", "/api/files",
                 "/api/deployments", "/metrics"):
        assert client.get(path).status_code == 200, path
    for key, sha256 in list(files.items())[:5]:
        check_file(client, key, sha256)
    for task in tasks:
        check_same(client, task)


def not_ready(client: httpx.Client) -> dict:
    ready = client.get("/readyz")
    assert ready.status_code == 503, ready.text
    parts = ready.json()
    assert not parts["ready"]
    assert any(parts[part] != "ok" for part in ("database", "objects")), parts
    return parts


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 15.0
    while (ready := client.get("/readyz")).status_code != 200:
        assert time.monotonic() < deadline, ready.text
        time.sleep(0.1)


def send_with_keys(client: httpx.Client) -> dict[str, dict]:
    """Calls with a key, on a full disk; the keys and what to send with them."""
    bodies = {}
    for seed in range(2000, 2010):
        wait = seed % 2 * 5
        inputs = {"kind": ("quick", "large")[seed // 2 % 2], "seed": seed}
        key = f"full-{seed}"
        headers = {"idempotency-key": key} | ({"prefer": f"wait={wait}"} if wait else {})
        bodies[key] = {"json": {"inputs": inputs}, "headers": headers}
        answer = client.post("/api/functions/work/execute", **bodies[key])
        if answer.status_code not in (200, 202):
            refused(answer)
    return bodies


def check_keys_afterwards(client: httpx.Client, bodies: dict[str, dict]) -> None:
    """No key is stuck, and each has made one task."""
    for key, request in bodies.items():
        deadline = time.monotonic() + 10.0
        while True:
            answer = client.post("/api/functions/work/execute", **request)
            if answer.status_code in (200, 202):
                break
            assert time.monotonic() < deadline, (key, answer.text)
            time.sleep(0.1)
        task = wait_until_final(client, answer.json()["id"])
        result = check_result(client, task)["result"]
        assert result["seed"] == request["json"]["inputs"]["seed"]


@pytest.mark.parametrize("log_beside", [False, True], ids=["log elsewhere", "log on the full disk"])
def test_a_full_disk_is_told_and_survived(tmp_path, disk, log_beside):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    filler = put_filler(disk)
    # The disk is full for longer than a lease.
    server = Server(disk / "data", settings={"MECAPY_WORKER_LEASE_SECONDS": "3"})
    server.token_file = tmp_path / "token"
    if not log_beside:
        server.log = tmp_path / "log"
    with server, server.client(timeout=30.0) as client:
        deploy_code(client, "work", WORK)
        before = [
            execute(client, "work", {"kind": kind, "seed": seed}).json()
            for seed, kind in enumerate(("quick", "large", "file", "log", "fail"))
        ]
        # It ends when there is no space any more: its result is a megabyte.
        answer = queue(client, {"kind": "sleep-large", "seed": 77, "seconds": 4.0, "size": 16000})
        assert answer.status_code == 202, answer.text
        waiting = answer.json()["id"]
        files = fill(client, chance)
        assert client.get(f"/api/tasks/{waiting}").json()["state"] == "running"
        print(f"full after {len(files)} files: {not_ready(client)}")

        acknowledged: list[dict] = []
        check_calls_while_full(client, acknowledged)
        bodies = send_with_keys(client)
        other = {"name": "other", "code": WORK}
        refused(client.post("/api/functions", json=other))
        deadline = time.monotonic() + 8.0
        while time.monotonic() < deadline:
            # Not failed, not lost: it waits for space.
            assert client.get(f"/api/tasks/{waiting}").json()["state"] not in FINAL
            time.sleep(0.5)
        check_reads_while_full(client, files, before)
        not_ready(client)

        filler.unlink()
        wait_until_ready(client)
        task = wait_until_final(client, waiting, seconds=15.0)
        assert (task["state"], task["attempt"]) == ("completed", 1), task
        result = client.get(f"/api/tasks/{waiting}/results").json()["result"]
        assert (result["seed"], len(result["text"])) == (77, 16000 * 64)
        assert upload(client, "after.txt", b"after").status_code == 201
        for kind in ("quick", "large", "file", "log"):
            task = execute(client, "work", {"kind": kind, "seed": 3000}).json()
            check_result(client, task)
        assert client.post("/api/functions", json=other).status_code == 201
        check_keys_afterwards(client, bodies)
        tasks = wait_until_idle(client, 30.0)
        stored = {task["id"]: task for task in tasks}
        for task in before + acknowledged:
            if task["state"] in FINAL:
                check_same(client, task)
            else:
                assert stored[task["id"]]["state"] == "completed"
        seeds = []
        for task in tasks:
            check_events(client, task)
            if task["state"] == "completed" and task["id"] != waiting:
                seeds.append(check_result(client, task)["result"]["seed"])
        assert len([seed for seed in seeds if seed >= 2000 and seed < 3000]) == len(bodies)
        for key, sha256 in files.items():
            check_file(client, key, sha256)
    # The server was killed just now; it comes back, sweeps, and stops in order.
    with server:
        assert server.stop() == 0
    check_database(server.data, tmp_path)
    check_swept(server)


def test_what_was_refused_for_want_of_space_takes_none(tmp_path, disk):
    """Contents that were refused do not stay until the next sweep: a stop in order right
    afterwards leaves nothing that nothing refers to, and what is deleted makes space."""
    chance = random.Random(SEED)
    filler = put_filler(disk)
    server = Server(disk / "data")
    server.token_file, server.log = tmp_path / "token", tmp_path / "log"
    with server, server.client(timeout=30.0) as client:
        deploy_code(client, "work", WORK)
        fill(client, chance)
        for seed in range(10):
            refused(execute(client, "work", {"kind": "large", "seed": seed}, wait=5))
        refused(client.post("/api/functions", json={"name": "other", "code": WORK}))
        filler.unlink()
        wait_until_ready(client)
        assert server.stop() == 0
        check_swept(server)


def fill_database(client: httpx.Client) -> list[str]:
    """Queues calls until the database takes no more; the tasks of those that it took."""
    tasks, refusals = [], 0
    while refusals < 5:
        answer = queue(client, {"kind": "sleep", "seed": len(tasks), "seconds": 300.0})
        if answer.status_code == 202:
            tasks.append(answer.json()["id"])
        else:
            refused(answer)
            refusals += 1
        assert len(tasks) < 10_000
    return tasks


def test_what_makes_room_is_done_on_a_full_disk(tmp_path, disk):
    """Deleting and cancelling have space that is held back for them; nothing else gets it."""
    chance = random.Random(SEED)
    filler = put_filler(disk)
    server = Server(disk / "data")
    server.token_file, server.log = tmp_path / "token", tmp_path / "log"
    reserve = server.data / "reserve"
    with server, server.client(timeout=30.0) as client:
        deploy_code(client, "work", WORK)
        deploy_code(client, "useless", WORK)
        assert reserve.stat().st_size == 4 * 1024 * 1024
        account = client.post("/api/service-accounts", json={"name": "a", "role": "user"}).json()
        account = f"/api/service-accounts/{account['id']}"
        token = client.post(f"{account}/tokens", json={"name": "a"}).json()
        # Some that are there in any case: what the files leave may be room for none.
        queued = [queue(client, {"kind": "sleep", "seed": -n, "seconds": 300.0}) for n in range(1, 9)]
        files = fill(client, chance)
        tasks = [answer.json()["id"] for answer in queued] + fill_database(client)
        assert reserve.exists(), "it is held back from those"
        print(f"full after {len(files)} files and {len(tasks)} tasks")
        for key in files:
            answer = client.delete(f"/api/files/{key}")
            assert answer.status_code == 204, answer.text
        # The newest first: those that run would on a slow machine come to their own limit.
        for task in tasks[::-1]:
            answer = client.post(f"/api/tasks/{task}/cancel")
            assert answer.status_code in (200, 202, 409), answer.text
        for path in ("/api/functions/useless", f"{account}/tokens/{token['id']}", account):
            answer = client.delete(path)
            assert answer.status_code == 204, (path, answer.text)
        assert not reserve.exists(), "that took what was held back"
        # What is new is refused, whatever has become free.
        for _ in range(3):
            assert refused(upload(client, "new.txt", b"new")) == "storage-full"
            assert refused(queue(client, {"kind": "quick", "seed": 1})) == "storage-full"
        states = [wait_until_final(client, task)["state"] for task in tasks]
        assert set(states) <= {"cancelled", "failed"} and "cancelled" in states, states
        assert client.get("/api/files").json()["items"] == []

        filler.unlink()
        wait_until_ready(client)
        assert upload(client, "new.txt", b"new").status_code == 201
        assert reserve.stat().st_size == 4 * 1024 * 1024, "it is held back again"
        check_result(client, execute(client, "work", {"kind": "quick", "seed": 2}).json())
        assert server.stop() == 0
    check_database(server.data, tmp_path)
    check_swept(server)


class Deaf(Server):
    """Its log cannot be written, nor read."""

    def log_tail(self, lines: int = 40) -> str:
        return "its log is /dev/full"


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    """Every write to the log says that there is no space."""
    server = Deaf(tmp_path / "data", settings={"MECAPY_LOG_FILTER": "trace"})
    server.log = Path("/dev/full")
    try:
        server.start()
        with server.client() as client:
            deploy_code(client, "work", WORK)
            task = execute(client, "work", {"kind": "large", "seed": 5}).json()
            check_result(client, task)
            assert queue(client, {"kind": "quick", "seed": 6}).status_code == 202
            wait_until_idle(client)
            assert client.get("/readyz").status_code == 200
        server.kill()
        server.start()
        with server.client() as client:
            check_same(client, task)
        assert server.stop() == 0
    finally:
        server.close()
