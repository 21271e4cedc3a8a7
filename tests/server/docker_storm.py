"""Containers that are killed at random, and a daemon that dies in the middle: every call ends
as it should, and nothing is left over."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

import httpx
import pytest

from daemon import Daemon
from faults import FINAL, all_items, check_database, check_events, check_swept
from harness import Server, execute
from test_docker import WITHOUT, deploy, packed

IMAGE = "mecapy-test/python:3.11"
CONTAINERS = 20
PACKAGES, FUNCTIONS = 6, 10
CALLS = 500
CALLERS = 8
#: For all calls to end, on a machine that has much else to do.
PATIENCE = 900.0
INFRASTRUCTURE = {"engine_unavailable", "internal"}
MESH = "storm/mesh.txt"
MESH_TEXT = "0 0 0\n1 0 0\n" * 1000

MANIFEST = """\
name: {name}
version: "1.0.0"
runtime: {{engine: docker, timeout: 300, memory_limit: 64}}
functions:
"""

CODE = '''\
import hashlib
import time

import mecapy


def work(number: int, inputs: dict) -> dict:
    kind, seed = inputs["kind"], inputs["seed"]
    if kind == "raise":
        raise ValueError(f"refused {number} {seed}")
    if kind == "time":
        time.sleep(600)
    if kind == "memory":
        kept = []
        while True:
            kept.append(bytearray(1_000_000))
    answer = {"function": number, "kind": kind, "seed": seed}
    if kind == "files":
        text = mecapy.files.read(inputs["mesh"]["$file"])
        text = text if isinstance(text, str) else text.decode()
        with mecapy.files.open("out/upper.txt", "w") as file:
            file.write(f"{number} {seed}\\n{text.upper()}")
        answer["length"] = len(text)
    if kind == "slow":
        time.sleep(0.3)
    answer["sum"] = hashlib.sha256(f"{number} {kind} {seed}".encode()).hexdigest()
    return answer
'''

HANDLER = '''

def function_{number}(inputs):
    """Number {number}."""
    return work({number}, inputs)
'''

#: Of a hundred calls.
KINDS = {"answer": 62, "slow": 12, "files": 10, "raise": 8, "time": 4, "memory": 4}


def settings(daemon: Daemon) -> dict[str, str]:
    base = "mecapy-test/python:{version}"
    return {
        "MECAPY_DOCKER_USE": "always",
        "MECAPY_DOCKER_HOST": daemon.host,
        "MECAPY_DOCKER_CONTAINERS": str(CONTAINERS),
        "MECAPY_DOCKER_MEMORY_BYTES": "8 GiB",
        "MECAPY_DOCKER_PYTHON_BASE": base,
        "MECAPY_DOCKER_SCIENTIFIC_BASE": base,
        "MECAPY_DOCKER_VERSIONS": "3.11",
        # As many calls under way as there are callers, and room for what is queued.
        "MECAPY_WORKER_SLOTS": "6",
    }


def deploy_functions(client: httpx.Client) -> None:
    for package in range(PACKAGES):
        manifest = MANIFEST.format(name=f"storm-{package}")
        code = CODE
        for number in range(package * FUNCTIONS, (package + 1) * FUNCTIONS):
            manifest += (
                f"  function-{number}:\n    handler: handler:function_{number}\n"
                "    inputs_schema: {type: object}\n"
            )
            code += HANDLER.format(number=number)
        answer = deploy(client, packed({"mecapy.yaml": manifest, "handler.py": code}))
        assert answer.status_code == 201, answer.text
        assert {one["engine"] for one in answer.json()["functions"]} == {"docker"}


def plan(generator: random.Random) -> list[tuple[int, str, bool]]:
    """Calls: of which function, of which kind, and whether the caller waits."""
    kinds = generator.choices(list(KINDS), weights=list(KINDS.values()), k=CALLS)
    # Some functions are called all the time, and each of them at least once.
    functions = list(range(PACKAGES * FUNCTIONS))
    weights = [1 / (1 + n) for n in functions]
    numbers = functions + generator.choices(functions, weights=weights, k=CALLS - len(functions))
    generator.shuffle(numbers)
    return [(number, kind, generator.random() < 0.5) for number, kind in zip(numbers, kinds)]


class Killer(threading.Thread):
    """Kills a container every now and then. No two at once, and none of a daemon that is gone."""

    def __init__(self, daemon: Daemon, generator: random.Random):
        super().__init__(daemon=True)
        self.daemon_of_ours, self.generator = daemon, generator
        self.over = threading.Event()
        self.killed, self.seen = 0, set()

    def run(self) -> None:
        while not self.over.wait(0.3):
            running = self.daemon_of_ours.containers("--filter=status=running")
            self.seen.update(running)
            if running:
                victim = self.generator.choice(running)
                done = self.daemon_of_ours.docker("kill", victim, check=False)
                self.killed += done.returncode == 0

    def stop(self) -> None:
        self.over.set()
        self.join()


class Callers:
    """Makes all calls, some at a time; what they are called by, and how they ended."""

    def __init__(self, server: Server, calls: list[tuple[int, str, bool]]):
        self.server, self.calls = server, list(enumerate(calls))
        self.next = itertools.count()
        self.tasks: dict[str, tuple[int, int, str]] = {}
        self.errors: list[str] = []
        self.lock = threading.Lock()
        self.halfway = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CALLERS)]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        deadline = time.monotonic() + PATIENCE
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), "a caller is still waiting"
        assert not self.errors, "\n".join(self.errors)

    def _run(self) -> None:
        try:
            with self.server.client(timeout=PATIENCE) as client:
                while (at := next(self.next)) < len(self.calls):
                    if at >= len(self.calls) // 2:
                        self.halfway.set()
                    self._call(client, *self.calls[at])
        except Exception:  # told by `join`
            self.errors.append(traceback.format_exc())

    def _call(self, client: httpx.Client, seed: int, call: tuple[int, str, bool]) -> None:
        number, kind, waits = call
        inputs = {"kind": kind, "seed": seed}
        if kind == "files":
            inputs["mesh"] = {"$file": MESH}
        more = {"timeout": 1} if kind == "time" else {}
        if waits:
            answer = execute(client, f"function-{number}", inputs, wait=120, **more)
        else:
            body = {"inputs": inputs, **more}
            answer = client.post(f"/api/functions/function-{number}/execute", json=body)
        assert answer.status_code in (200, 202), answer.text
        task = answer.json()
        with self.lock:
            self.tasks[task["id"]] = (number, seed, kind)
        if task["state"] in FINAL:
            check_end(client, task, number, seed, kind)


def check_end(client: httpx.Client, task: dict, number: int, seed: int, kind: str) -> None:
    """A task that has ended has done so as it should, or was out of luck three times."""
    if is_out_of_luck(task):
        return
    error = task["error"] or {}
    if kind == "raise":
        assert (task["state"], error.get("kind")) == ("failed", "exception"), task
        assert f"refused {number} {seed}" in error["message"], task
    elif kind == "time":
        assert (task["state"], error.get("kind")) == ("failed", "timeout"), task
    elif kind == "memory":
        assert (task["state"], error.get("kind")) == ("failed", "memory_exceeded"), task
    else:
        assert (task["state"], task["error"]) == ("completed", None), task
        results = client.get(f"/api/tasks/{task['id']}/results").raise_for_status().json()
        digest = hashlib.sha256(f"{number} {kind} {seed}".encode()).hexdigest()
        answer = {"function": number, "kind": kind, "seed": seed, "sum": digest}
        if kind == "files":
            answer["length"] = len(MESH_TEXT)
            [file] = results["files"]
            content = client.get(file["url"], follow_redirects=True).raise_for_status().text
            assert content == f"{number} {seed}\n{MESH_TEXT.upper()}", task
        assert results["result"] == answer, task
    assert all(one["kind"] in INFRASTRUCTURE for one in task["history"]), task


def is_out_of_luck(task: dict) -> bool:
    """Whether each of its attempts met a fault that was nobody's but ours: said as such."""
    if task["state"] != "failed" or task["error"]["kind"] not in INFRASTRUCTURE:
        return False
    kinds = {one["kind"] for one in task["history"]}
    assert kinds <= INFRASTRUCTURE and task["dead_letter"] and task["attempt"] == 3, task
    return True


def wait_until_final(client: httpx.Client) -> list[dict]:
    deadline = time.monotonic() + PATIENCE
    while True:
        tasks = all_items(client, "/api/tasks")
        if all(task["state"] in FINAL for task in tasks):
            return tasks
        assert time.monotonic() < deadline, Counter(task["state"] for task in tasks)
        time.sleep(0.5)


def eventually(what: str, happened, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while left := happened():
        assert time.monotonic() < deadline, f"{what}: {left}"
        time.sleep(0.2)


def processes_in(containers: set[str]) -> list[str]:
    """Processes of this machine that are in one of the containers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            groups = path.read_text()
        except OSError:
            continue
        if any(container in groups for container in containers):
            found.append(path.parent.name)
    return found


def storm(server: Server, daemon: Daemon, seed: int) -> tuple[Callers, Killer]:
    """All calls, while containers are killed; when half are made the daemon is, too."""
    generator = random.Random(seed)
    callers = Callers(server, plan(generator))
    killer = Killer(daemon, generator)
    callers.start()
    killer.start()
    assert callers.halfway.wait(PATIENCE), "the calls do not come to their half"
    daemon.kill()
    daemon.start()
    callers.join()
    with server.client() as client:
        # Those that are queued are killed at, too.
        wait_until_final(client)
    killer.stop()
    return callers, killer


if not WITHOUT:

    @pytest.fixture(scope="module")
    def daemon():
        with Daemon() as running:
            running.load(IMAGE)
            yield running

    def test_calls_end_as_they_should_in_a_storm(daemon, tmp_path):
        seed = int(os.environ.get("MECAPY_STORM_SEED", "1"))
        with Server(tmp_path / "data", settings(daemon)) as server:
            with server.client() as client:
                client.post(
                    "/api/files", params={"key": MESH}, content=MESH_TEXT.encode(),
                    headers={"content-type": "text/plain"},
                ).raise_for_status()
                deploy_functions(client)
                began = time.monotonic()
                callers, killer = storm(server, daemon, seed)
                took = time.monotonic() - began
                tasks = {task["id"]: task for task in wait_until_final(client)}
                assert tasks.keys() == callers.tasks.keys() and len(tasks) == CALLS
                unlucky = []
                for id, (number, call_seed, kind) in callers.tasks.items():
                    check_events(client, tasks[id])
                    check_end(client, tasks[id], number, call_seed, kind)
                    if is_out_of_luck(tasks[id]):
                        unlucky.append(id)
                ends = Counter(task["state"] for task in tasks.values())
                attempts = Counter(task["attempt"] for task in tasks.values())
                print(
                    f"{took:.0f} s; {dict(ends)}; attempts {dict(attempts)}; {killer.killed} of "
                    f"{len(killer.seen)} containers killed; {len(unlucky)} calls out of luck"
                )
                # A daemon may be away for longer than three attempts; most calls know nothing of it.
                assert len(unlucky) < CALLS / 4, [tasks[id] for id in unlucky][:3]
                # Made again once all is well, they end as they should.
                for id in unlucky:
                    number, call_seed, kind = callers.tasks[id]
                    again = client.post(
                        f"/api/tasks/{id}/retry", headers={"prefer": "wait=120"}, timeout=PATIENCE
                    )
                    task = again.raise_for_status().json()
                    assert task["state"] in FINAL and not is_out_of_luck(task), task
                    check_end(client, task, number, call_seed, kind)
                killer.seen.update(daemon.containers())
            assert server.stop() == 0, server.log_tail()
            eventually("containers of a server that has stopped", daemon.containers)
            eventually("processes in them", lambda: processes_in(killer.seen))
            check_database(server.data, tmp_path)
            check_swept(server)
