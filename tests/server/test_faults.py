"""SIGKILL, again and again, under load: nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from faults import (
    FINAL, WORK, all_items, check_database, check_events, check_result, check_same, check_swept,
    kill_while_starting, wait_until_idle,
)
from harness import Server, deploy_code

KILLS = 30
SEED = int(os.environ.get("FAULT_SEED", "20261"))
#: Nobody listens there.
DEAD_PORT = "http://127.0.0.1:9/hook"
SHORT = ("quick", "quick", "large", "file", "log", "fail")


@dataclass
class Call:
    """A call, and what its client was told of it."""

    kind: str
    seed: int
    #: Acknowledged under this id.
    id: str | None = None
    #: Acknowledged to have ended like this.
    final: dict | None = None
    cancelled: bool = False
    has_key: bool = False
    has_webhook: bool = False


@dataclass
class Deploy:
    """A deploy, and what its client was told of it."""

    function: str
    number: int
    #: Acknowledged as this version.
    version: str | None = None


@dataclass
class Ledger:
    """What all clients were told."""

    calls: list[Call] = field(default_factory=list)
    deploys: list[Deploy] = field(default_factory=list)
    #: Answers that no client should get, whatever happens to the server.
    surprises: list[str] = field(default_factory=list)
    broken: int = 0


class Client(threading.Thread):
    """A client that goes on whatever happens, until it is told to stop."""

    def __init__(self, server: Server, ledger: Ledger, number: int, stop: threading.Event):
        super().__init__(name=f"{type(self).__name__}-{number}", daemon=True)
        self.server, self.ledger, self.stop = server, ledger, stop
        self.random = random.Random(f"{SEED}-{self.name}")
        self.number, self.count = number, 0
        self.http = server.client(timeout=30.0)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.act()
                time.sleep(self.random.uniform(0.0, 0.06))
        except BaseException as error:
            self.ledger.surprises.append(f"{self.name}: {error!r}")
            raise
        finally:
            self.http.close()

    def act(self) -> None:
        raise NotImplementedError

    def send(self, path: str, **request) -> httpx.Response | None:
        """The answer, or nothing if there was none."""
        try:
            return self.http.post(path, **request)
        except httpx.TransportError:
            self.ledger.broken += 1
            time.sleep(0.02)
            return None

    def call(self, kind: str, wait: int, key: str | None = None, seconds: float = 0.0) -> Call:
        """Calls the function; with a key again and again, until it is answered."""
        self.count += 1
        call = Call(kind, self.number * 1_000_000 + self.count, has_key=key is not None)
        self.ledger.calls.append(call)
        body = {"inputs": {"kind": kind, "seed": call.seed, "seconds": seconds}}
        if self.random.random() < 0.1:
            body["webhook"] = {"url": DEAD_PORT}
            call.has_webhook = True
        headers = {"prefer": f"wait={wait}"} if wait else {}
        if key is not None:
            headers["idempotency-key"] = key
        deadline = time.monotonic() + 60.0
        while True:
            answer = self.send("/api/functions/work/execute", json=body, headers=headers)
            under_way = answer is not None and answer.status_code == 409
            if key is not None and (answer is None or under_way):
                if time.monotonic() > deadline:
                    text = "nothing" if answer is None else answer.text
                    self.ledger.surprises.append(f"{key} is not answered but with {text}")
                    return call
                time.sleep(0.02)
                continue
            break
        self.note(call, answer)
        return call

    def note(self, call: Call, answer: httpx.Response | None) -> None:
        if answer is None:
            return
        if answer.status_code not in (200, 202):
            self.ledger.surprises.append(f"{call}: {answer.status_code} {answer.text}")
            return
        task = answer.json()
        call.id = task["id"]
        if answer.status_code == 200:
            call.final = task
        elif task["state"] in FINAL:
            self.ledger.surprises.append(f"{call}: 202 of {task}")


class Waiting(Client):
    """Waits for what it calls."""

    def act(self) -> None:
        if self.random.random() < 0.05:
            kind = self.random.choice(("busy", "sleep"))
            self.call(kind, wait=10, seconds=self.random.uniform(1.0, 3.0))
        else:
            self.call(self.random.choice(SHORT), wait=10)


class Queueing(Client):
    """Queues what it calls."""

    def act(self) -> None:
        if self.random.random() < 0.06:
            kind = self.random.choice(("busy", "sleep", "sleep"))
            self.call(kind, wait=0, seconds=self.random.uniform(1.0, 3.0))
        else:
            self.call(self.random.choice(SHORT), wait=0)


class Insisting(Client):
    """Asks with a key until it is answered."""

    def act(self) -> None:
        kind = self.random.choice((*SHORT, "sleep"))
        wait = self.random.choice((0, 10))
        key = f"{self.name}-{self.count}"
        self.call(kind, wait, key, seconds=self.random.uniform(0.0, 0.4))


class Cancelling(Client):
    """Queues what takes long, and cancels it: at once, or when it may be running."""

    def act(self) -> None:
        kind = self.random.choice(("busy", "sleep"))
        call = self.call(kind, wait=0, seconds=self.random.uniform(1.0, 2.0))
        time.sleep(self.random.choice((0.0, 0.05, 0.3)))
        if call.id is None:
            return
        answer = self.send(f"/api/tasks/{call.id}/cancel")
        if answer is None:
            return
        if answer.status_code == 409:
            # It had ended.
            return
        call.cancelled = answer.status_code in (200, 202)
        self.note(call, answer)


class Deploying(Client):
    """Deploys, ever another content."""

    def act(self) -> None:
        self.count += 1
        name = f"deployed-{self.number}-{self.random.randrange(3)}"
        deploy = Deploy(name, self.count)
        self.ledger.deploys.append(deploy)
        code = f"def calculate() -> dict:\n    return {{'number': {self.count}}}\n"
        body = {"name": name, "code": code, "version": f"0.0.{self.count}"}
        insists = self.random.random() < 0.5
        headers = {"idempotency-key": f"{self.name}-{self.count}"} if insists else {}
        deadline = time.monotonic() + 60.0
        while True:
            answer = self.send("/api/functions", json=body, headers=headers)
            if answer is not None and answer.status_code == 201:
                deploy.version = answer.json()["version"]
                break
            if answer is not None and answer.status_code not in (202, 409, 503):
                self.ledger.surprises.append(f"{deploy}: {answer.status_code} {answer.text}")
                break
            if not insists:
                break
            if time.monotonic() > deadline:
                self.ledger.surprises.append(f"{deploy}: not answered")
                break
            time.sleep(0.02)
        time.sleep(0.1)


def kill_under_load(server: Server, ledger: Ledger) -> None:
    chance = random.Random(SEED)
    stop = threading.Event()
    kinds = (Waiting, Waiting, Queueing, Insisting, Insisting, Cancelling, Deploying)
    clients = [kind(server, ledger, i, stop) for i, kind in enumerate(kinds, 1)]
    for client in clients:
        client.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.8))
        server.kill()
        if chance.random() < 0.3:
            # While it puts in order what the one before left.
            kill_while_starting(server, chance.uniform(0.005, 0.12))
        server.start()
    time.sleep(0.5)
    stop.set()
    for client in clients:
        client.join(timeout=70.0)
        assert not client.is_alive(), f"{client.name} hangs"


def check_calls(client: httpx.Client, ledger: Ledger, tasks: list[dict]) -> None:
    by_id = {task["id"]: task for task in tasks}
    acknowledged = {call.id: call for call in ledger.calls if call.id}
    lost = [call for call in acknowledged.values() if call.id not in by_id]
    assert not lost, lost[:3]

    done = Counter()
    for task in tasks:
        check_events(client, task)
        assert 1 <= task["attempt"] <= 3 or task["state"] == "cancelled", task
        retried = task["attempt"] - 1
        assert len(task["history"]) == max(retried, 0) or task["state"] == "cancelled", task
        if task["state"] == "completed":
            result = check_result(client, task)["result"]
            done[result["seed"]] += 1
        elif task["state"] == "failed" and task["error"]["kind"] == "exception":
            assert task["error"]["message"].startswith("ValueError: refused "), task
            assert not task["dead_letter"]
            done[int(task["error"]["message"].split()[-1])] += 1
        elif task["state"] == "failed":
            assert task["error"]["kind"] == "internal" and task["dead_letter"], task
            assert task["attempt"] == 3, task
        call = acknowledged.get(task["id"])
        if call is None:
            continue
        if task["state"] == "completed":
            assert (result["kind"], result["seed"]) == (call.kind, call.seed)
            assert call.kind != "fail"
        if task["state"] == "cancelled":
            assert call.kind in ("busy", "sleep"), task
            assert task["error"]["kind"] == "cancelled", task
        if call.cancelled:
            assert task["cancel_requested"] or task["state"] == "cancelled", task
    twice = [seed for seed, count in done.items() if count > 1]
    assert not twice, twice
    for call in ledger.calls:
        if call.final is not None:
            check_same(client, call.final)
    # An insisting client's call is one task: its own.
    for call in ledger.calls:
        if call.has_key and call.id and not by_id[call.id]["dead_letter"]:
            assert done[call.seed] == 1, call


def check_deliveries(client: httpx.Client, ledger: Ledger, tasks: list[dict]) -> None:
    """What has a webhook has one delivery, which is due or was tried."""
    deliveries = Counter(one["task_id"] for one in all_items(client, "/api/webhooks/deliveries"))
    assert set(deliveries.values()) <= {1}
    for call in ledger.calls:
        if call.id:
            assert deliveries[call.id] == call.has_webhook, call


def check_deploys(client: httpx.Client, ledger: Ledger) -> None:
    versions: dict[str, set[str]] = {}
    for deployment in all_items(client, "/api/deployments"):
        assert deployment["state"] in ("succeeded", "failed"), deployment
        if deployment["state"] == "succeeded":
            for function in deployment["functions"]:
                versions.setdefault(function, set()).add(deployment["version"])
        else:
            assert deployment["error"]["slug"] == "interrupted", deployment
            assert deployment["functions"] is None, deployment
    visible = {one["id"] for one in all_items(client, "/api/functions")}
    assert visible == set(versions), (visible, set(versions))
    numbers = {}
    for deploy in ledger.deploys:
        if deploy.version is not None:
            assert deploy.version in versions[deploy.function], deploy
            numbers[deploy.function, deploy.version] = deploy.number
    for function, of_it in versions.items():
        listed = all_items(client, f"/api/functions/{function}/versions")
        assert {one["version"] for one in listed} == of_it, function
        if function == "work":
            continue
        for version in of_it:
            answer = client.post(
                f"/api/functions/{function}/execute", json={"version": version},
                headers={"prefer": "wait=10"},
            )
            assert answer.status_code == 200, answer.text
            task = answer.json()
            number = int(version.split("-")[0].split(".")[-1])
            assert task["result"] == {"number": number}, task
            assert numbers.get((function, version), number) == number


def test_nothing_is_lost_or_done_twice_however_often_the_server_is_killed(tmp_path):
    print(f"seed {SEED}")
    ledger = Ledger()
    settings = {"MECAPY_WEBHOOKS_ALLOW_PRIVATE_TARGETS": "true"}
    with Server(tmp_path / "data", settings) as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
        kill_under_load(server, ledger)
        with server.client() as client:
            tasks = wait_until_idle(client)
            print(
                f"{len(ledger.calls)} calls, {len(tasks)} tasks "
                f"{dict(Counter(task['state'] for task in tasks))}, "
                f"attempts {dict(Counter(task['attempt'] for task in tasks))}, "
                f"{ledger.broken} broken connections, {len(ledger.deploys)} deploys"
            )
            assert ledger.surprises == []
            check_calls(client, ledger, tasks)
            check_deliveries(client, ledger, tasks)
            check_deploys(client, ledger)
        # Otherwise nothing was proved.
        assert ledger.broken >= KILLS
        assert any(task["attempt"] > 1 for task in tasks)
        assert any(call.cancelled for call in ledger.calls)
        assert server.stop() == 0
        check_database(server.data, tmp_path)
        check_swept(server)
