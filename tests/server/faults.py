"""What the fault tests share: a function whose every result can be checked, ways to ask a
server that may be gone, and what has to be true of its data afterwards."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import httpx

from harness import Server

FINAL = ("completed", "failed", "cancelled")
LOG_LINES = 20

#: One function for all kinds of calls. What it answers follows from `kind` and `seed`.
WORK = '''
import hashlib
import time

import mecapy


def block(seed: int, count: int) -> str:
    return "".join(hashlib.sha256(f"{seed}-{i}".encode()).hexdigest() for i in range(count))


def calculate(kind: str, seed: int, seconds: float = 0.0, size: int = 1600) -> dict:
    """Does what `kind` says."""
    answer = {"kind": kind, "seed": seed}
    if kind == "fail":
        raise ValueError(f"refused {seed}")
    if kind == "busy":
        end, turns = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            turns += 1
    if kind in ("sleep", "sleep-large"):
        time.sleep(seconds)
    if kind == "log":
        for i in range(20):
            print(f"line {i} of {seed}")
            mecapy.progress(i / 20, f"step {i}")
    if kind in ("large", "sleep-large"):
        answer["text"] = block(seed, size)
    if kind == "file":
        for name, count in (("small.txt", 10), ("large.txt", size)):
            with mecapy.files.open(f"out/{name}", "w") as file:
                file.write(block(seed, count))
    answer["sum"] = hashlib.sha256(f"{kind}-{seed}-{answer.get('text', '')}".encode()).hexdigest()
    return answer
'''


def block(seed: int, count: int) -> str:
    return "".join(hashlib.sha256(f"{seed}-{i}".encode()).hexdigest() for i in range(count))


def expected(kind: str, seed: int, size: int = 1600) -> dict:
    """What `WORK` answers."""
    answer = {"kind": kind, "seed": seed}
    if kind == "large":
        answer["text"] = block(seed, size)
    text = f"{kind}-{seed}-{answer.get('text', '')}"
    return answer | {"sum": hashlib.sha256(text.encode()).hexdigest()}


def kill_while_starting(server: Server, delay: float) -> None:
    """Starts a server and kills it after so many seconds, however far it has come."""

    def kill() -> None:
        deadline = time.monotonic() + 5.0
        while server.process is before and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay)
        server.process.kill()

    before = server.process
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        server.start()
    except RuntimeError:
        # It did not come to the point of listening.
        pass
    killer.join()
    server.kill()


def all_items(client: httpx.Client, path: str) -> list[dict]:
    """A list, all pages of it."""
    items, cursor = [], None
    while True:
        params = {"limit": 200} | ({"cursor": cursor} if cursor else {})
        page = client.get(path, params=params).raise_for_status().json()
        items += page["items"]
        cursor = page["next_cursor"]
        if not cursor:
            return items


def wait_until_idle(client: httpx.Client, seconds: float = 120.0) -> list[dict]:
    """Waits until every task has ended; answers all of them."""
    deadline = time.monotonic() + seconds
    while True:
        tasks = all_items(client, "/api/tasks")
        open_ones = [task for task in tasks if task["state"] not in FINAL]
        if not open_ones:
            return tasks
        assert time.monotonic() < deadline, f"not idle: {len(open_ones)} such as {open_ones[0]}"
        time.sleep(0.5)


def events_of(client: httpx.Client, task: str) -> list[tuple[int, str, dict]]:
    """The persisted events of a task that has ended: number, kind, data."""
    events, number, kind = [], None, None
    with client.stream("GET", f"/api/tasks/{task}/events") as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                events.append((number, kind, json.loads(value)["data"]))
    return events


def check_events(client: httpx.Client, task: dict) -> None:
    """It ran to its end once, and its followers were told so once, without a gap."""
    events = events_of(client, task["id"])
    numbers = [number for number, _, _ in events]
    assert numbers == list(range(1, len(events) + 1)), (task, numbers)
    told = [(data["state"], data["attempt"]) for _, kind, data in events if kind == "status"]
    ends = [state for state, _ in told if state in FINAL]
    assert ends == [task["state"]], (task, told)
    results = [kind for _, kind, _ in events if kind == "result"]
    assert len(results) == (task["state"] == "completed"), (task, events)
    last = "result" if results else "status"
    assert events[-1][1] == last, (task, events)
    starts = [attempt for state, attempt in told if state == "running"]
    starts = [attempt for i, attempt in enumerate(starts) if attempt not in starts[:i]]
    assert starts == list(range(1, task["attempt"] + 1)), (task, told)


def check_result(client: httpx.Client, task: dict) -> dict:
    """A completed task's result is whole and right, and so are its files and its log."""
    results = client.get(f"/api/tasks/{task['id']}/results").raise_for_status().json()
    result = results["result"]
    assert result == expected(result["kind"], result["seed"]), (task, str(result)[:300])
    if result["kind"] == "file":
        sizes = {"out/small.txt": 10, "out/large.txt": 1600}
        wanted = {key: block(result["seed"], size) for key, size in sizes.items()}
        assert {file["key"] for file in results["files"]} == set(wanted), results["files"]
        for file in results["files"]:
            content = client.get(file["url"], follow_redirects=True).raise_for_status().content
            assert hashlib.sha256(content).hexdigest() == file["sha256"], file
            assert (content.decode(), len(content)) == (wanted[file["key"]], file["bytes"])
    if result["kind"] == "log":
        logs = client.get(f"/api/tasks/{task['id']}/logs").raise_for_status().json()
        lines = [line["message"] for line in logs["entries"]]
        assert lines == [f"line {i} of {result['seed']}" for i in range(LOG_LINES)], task
    return results


def check_same(client: httpx.Client, answered: dict) -> None:
    """What was answered as a task that has ended is what is stored, to the letter."""
    stored = client.get(f"/api/tasks/{answered['id']}").raise_for_status().json()
    results = client.get(f"/api/tasks/{answered['id']}/results").raise_for_status().json()
    if answered["state"] == "completed":
        stored["result"] = results["result"]
    text = lambda task: json.dumps(task, sort_keys=True)  # noqa: E731
    assert text(answered) == text(stored), (answered, stored)


def problem(answer: httpx.Response) -> str:
    """The answer is a problem document; its slug."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code, document
    return document["type"].removeprefix("urn:mecapy:problem:")


def check_database(data: Path, scratch: Path) -> None:
    """The database of a server that is not running is whole, and nothing in it runs."""
    folder = scratch / "database-copy"
    folder.mkdir(exist_ok=True)
    for path in data.glob("mecapy.db*"):
        shutil.copy(path, folder / path.name)
    connection = sqlite3.connect(folder / "mecapy.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()
        shutil.rmtree(folder)


def left_over(data: Path) -> list[Path]:
    """Files of work that is not under way any more."""
    places = (data / "tmp", data / "blobs" / "staging")
    return [path for place in places if place.exists() for path in place.rglob("*")]


def check_swept(server: Server) -> None:
    """Nothing is on disk that nothing refers to."""
    assert left_over(server.data) == []
    done = server.command("gc", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "orphans: 0 " in done.stdout, done.stdout
