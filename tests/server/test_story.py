"""The whole story with curl, and what a script of curl cannot tell: what happens at the same
time, over quotas, and when the server stops."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import receiver
from harness import Server, deploy_code, execute, wait_until_final

HERE = Path(__file__).parent
STORY_SECONDS = 300

#: Computes for so many seconds of its own processor time, and gives what it was given.
BUSY = '''
import time

def calculate(seconds: float = 0.0, number: int = 0) -> dict:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return {"number": number}
'''

QUICK = "def calculate(a: float) -> dict:\n    return {'b': a * 2}\n"


def settings(**more: object) -> dict[str, str]:
    """Settings as the environment has them: `worker_slots=1` is MECAPY_WORKER_SLOTS=1."""
    return {f"MECAPY_{name.upper()}": str(value).lower() for name, value in more.items()}


def deploy_package(client: httpx.Client, manifest: str, handler: str) -> dict:
    """Deploys a ZIP of a manifest and a handler."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("mecapy.yaml", manifest)
        archive.writestr("handler.py", handler)
    answer = client.post(
        "/api/functions", files={"archive": ("package.zip", content.getvalue(), "application/zip")}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def queue(client: httpx.Client, function: str, inputs: dict, **more) -> str:
    """Calls a function without waiting; answers the task's id."""
    answer = client.post(f"/api/functions/{function}/execute", json={"inputs": inputs, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def queue_many(client: httpx.Client, function: str, inputs: list[dict], **more) -> list[str]:
    """Calls a function many times without waiting; answers the tasks' ids."""
    answer = client.post(f"/api/functions/{function}/batch", json={"inputs": inputs, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()["tasks"]


def state(client: httpx.Client, task: str) -> str:
    return client.get(f"/api/tasks/{task}/status").raise_for_status().json()["state"]


def wait_until(condition, what: str, seconds: float = 30.0):
    """Asks until the condition gives something; gives that."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


# ---------------------------------------------------------------- the story


def test_the_whole_story_with_curl(tmp_path):
    """story.sh, on a server that may fetch `file:` repositories and tell this machine."""
    allowed = settings(
        webhooks_allow_private_targets=True,
        deploy_git_file_urls=True,
        worker_slots=2,
        worker_threads=4,
    )
    with Server(tmp_path / "data", allowed) as server:
        told = subprocess.run(
            [HERE / "story.sh"],
            env={
                **os.environ,
                "MECAPY_URL": server.url,
                "MECAPY_TOKEN": server.token,
                "PYTHON": sys.executable,
                "STORY_KEEP_GOING": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STORY_SECONDS,
        )
        failures = told.stdout.partition("FAILED:")[1:]
        assert told.returncode == 0, "".join(failures) or told.stdout[-4000:]
        assert "the whole story holds" in told.stdout


# ---------------------------------------------------------------- webhooks that are refused


@pytest.fixture
def inbox(tmp_path):
    """A receiver of webhooks: its folder and its port."""
    listening = receiver.listener(tmp_path / "inbox")
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    yield tmp_path / "inbox", listening.server_address[1]
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "2130706433"]
)
def test_a_webhook_to_a_private_address_is_refused(admin, inbox, host):
    folder, port = inbox
    deploy_code(admin, "hooked", QUICK)
    answer = admin.post(
        "/api/functions/hooked/execute",
        json={"inputs": {"a": 1}, "webhook": {"url": f"http://{host}:{port}/hook"}},
    )
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["violations"][0]["pointer"] == "/webhook/url"
    assert receiver.deliveries(folder) == []


def test_a_webhook_to_a_name_of_a_private_address_is_not_sent(admin, inbox):
    """What a name resolves to is known only when it is told: then it is refused, and listed."""
    folder, port = inbox
    deploy_code(admin, "hooked", QUICK)
    answer = admin.post(
        "/api/functions/hooked/execute",
        json={"inputs": {"a": 1}, "webhook": f"http://localhost:{port}/hook"},
    )
    # It may be refused at once, too.
    assert answer.status_code in (202, 422), answer.text
    if answer.status_code == 202:
        task = answer.json()["id"]
        assert wait_until_final(admin, task)["state"] == "completed"

        def attempted():
            listed = admin.get("/api/webhooks/deliveries", params={"task_id": task}).json()
            return listed["items"] and listed["items"][0]["attempts"]

        attempt = wait_until(attempted, "an attempt is listed")[0]
        assert attempt["status"] is None and attempt["error"], attempt
    assert receiver.deliveries(folder) == []


# ---------------------------------------------------------------- the result cache

CACHED = """
version: "1.0"
metadata: {name: cached}
runtime: {cache: true}
versioning: {version: "%s"}
"""

#: Never the same twice, so that a result that comes again is one that was kept.
DRAWN = """
import random
import time

def calculate(a: int, pause: float = 0.0) -> dict:
    time.sleep(pause)
    return {"a": a, "drawn": random.random()}
"""


def test_results_are_answered_again_where_the_manifest_says_so(admin):
    deploy_package(admin, CACHED % "1.0.0", DRAWN)
    first = execute(admin, "cached", {"a": 1}).json()
    assert first["cached"] is False
    again = execute(admin, "cached", {"a": 1}).json()
    assert again["cached"] is True
    assert again["result"] == first["result"]
    assert again["id"] != first["id"], "each call is a task of its own"
    # A default that is spelled out is the same call.
    spelled = execute(admin, "cached", {"pause": 0.0, "a": 1}).json()
    assert spelled["cached"] is True and spelled["result"] == first["result"]
    other = execute(admin, "cached", {"a": 2}).json()
    assert other["cached"] is False and other["result"]["a"] == 2

    skipped = execute(admin, "cached", {"a": 1}, cache=False).json()
    assert skipped["cached"] is False
    assert skipped["result"]["drawn"] != first["result"]["drawn"]
    # What was computed without the cache is not kept either.
    assert execute(admin, "cached", {"a": 1}).json()["result"] == first["result"]

    # One that is not waited for as well.
    later = wait_until_final(admin, queue(admin, "cached", {"a": 1}))
    assert later["cached"] is True and later["result"] == first["result"]


def test_another_version_has_results_of_its_own(admin):
    deploy_package(admin, CACHED % "1.0.0", DRAWN)
    first = execute(admin, "cached", {"a": 3}).json()
    deploy_package(admin, CACHED % "1.1.0", DRAWN + "\n# changed\n")
    changed = execute(admin, "cached", {"a": 3}).json()
    assert changed["version"].startswith("1.1.0-")
    assert changed["cached"] is False and changed["result"] != first["result"]
    pinned = execute(admin, "cached", {"a": 3}, version="1.0.0").json()
    assert pinned["cached"] is True and pinned["result"] == first["result"]


def test_without_the_manifest_s_word_nothing_is_answered_again(admin):
    deploy_code(admin, "drawn", DRAWN)
    first = execute(admin, "drawn", {"a": 1}).json()
    second = execute(admin, "drawn", {"a": 1}).json()
    assert not first["cached"] and not second["cached"]
    assert first["result"] != second["result"]


def test_identical_calls_at_the_same_time_run_once(server, admin):
    deploy_package(admin, CACHED % "2.0.0", DRAWN)
    ready = threading.Barrier(8)

    def call(_):
        with server.client() as client:
            ready.wait()
            return execute(client, "cached", {"a": 7, "pause": 0.5}).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))
    assert {answer["state"] for answer in answers} == {"completed"}
    assert len({answer["result"]["drawn"] for answer in answers}) == 1, answers
    assert [answer["cached"] for answer in answers].count(False) == 1
    assert len({answer["id"] for answer in answers}) == 8


# ---------------------------------------------------------------- whose turn it is


@pytest.fixture(scope="module")
def one_at_a_time(tmp_path_factory):
    """A server on which one call runs, and all others wait."""
    alone = settings(worker_slots=1, worker_threads=1)
    with Server(tmp_path_factory.mktemp("alone") / "data", alone) as running:
        yield running


def test_a_tenant_with_many_queued_tasks_does_not_starve_another(one_at_a_time):
    server = one_at_a_time
    few_token = server.new_token("few", "developer")
    with server.client() as many, server.client(few_token) as few:
        deploy_code(many, "busy", BUSY)
        deploy_code(few, "busy", BUSY)
        tasks = queue_many(many, "busy", [{"seconds": 0.03, "number": i} for i in range(300)])
        wait_until(lambda: state(many, tasks[5]) == "completed", "some of them are done")
        one = queue(few, "busy", {"number": 1})
        shown = wait_until_final(few, one)
        assert shown["result"] == {"number": 1}
        assert state(many, tasks[-1]) == "queued", "it did not wait for all of the other's"

        def begun_before(task: str) -> bool:
            """Whether it was begun after ours was queued, and before ours was."""
            began = many.get(f"/api/tasks/{task}").json()["started_at"]
            return began is not None and shown["queued_at"] < began < shown["started_at"]

        overtaken_by = [task for task in tasks[:60] if begun_before(task)]
        assert len(overtaken_by) <= 2, f"{len(overtaken_by)} of another tenant's went before"

        # In the order in which they were queued, within one tenant.
        for task in tasks[150:]:
            many.post(f"/api/tasks/{task}/cancel")
        wait_until_final(many, tasks[149])
        began = [many.get(f"/api/tasks/{task}").json()["started_at"] for task in tasks[:150]]
        assert began == sorted(began)


def behind_another(client: httpx.Client, first: dict[str, int]) -> list[str]:
    """Queues so many calls of each priority while one computes; the order in which they began."""
    deploy_code(client, "busy", BUSY)
    blocker = queue(client, "busy", {"seconds": 1.0})
    wait_until(lambda: state(client, blocker) == "running", "it is running")
    tasks = []
    for priority, count in first.items():
        inputs = [{"seconds": 0.01, "number": i} for i in range(count)]
        tasks += queue_many(client, "busy", inputs, priority=priority)
    assert state(client, blocker) == "running", "all of them are queued together"
    shown = [wait_until_final(client, task) for task in tasks]
    assert {task["state"] for task in shown} == {"completed"}
    return [task["priority"] for task in sorted(shown, key=lambda task: task["started_at"])]


def test_high_priority_goes_mostly_first(one_at_a_time):
    """Though it is queued after the others, it does not wait for all of them."""
    with one_at_a_time.client() as client:
        order = behind_another(client, {"default": 40, "high_priority": 10})
    last = max(i for i, priority in enumerate(order) if priority == "high_priority")
    overtaken_by = order[:last].count("default")
    assert overtaken_by <= 10, f"{overtaken_by} of 40 went before the last of 10 urgent ones"


def test_high_priority_does_not_starve_the_others(one_at_a_time):
    with one_at_a_time.client() as client:
        order = behind_another(client, {"high_priority": 40, "default": 2, "long_running": 2})
    for priority in ("default", "long_running"):
        before = order.index(priority)
        assert before <= 20, f"{before} of 44 went before the first of {priority}"


def test_a_long_call_does_not_starve_a_short_one(tmp_path):
    """On one slot: who computes for long gives way."""
    with Server(tmp_path / "data", settings(worker_slots=1)) as server:
        with server.client() as client:
            deploy_code(client, "busy", BUSY)
            deploy_code(client, "quick", QUICK)
            execute(client, "quick", {"a": 0}).raise_for_status()
            long = queue(client, "busy", {"seconds": 5.0, "number": 5})
            wait_until(lambda: state(client, long) == "running", "it is running")
            for number in range(5):
                began = time.monotonic()
                answer = execute(client, "quick", {"a": number}, wait=10)
                took = time.monotonic() - began
                assert answer.status_code == 200 and answer.json()["result"] == {"b": number * 2}
                assert took < 1.0, f"a short call took {took:.2f} s beside a long one"
            assert state(client, long) == "running"
            assert wait_until_final(client, long)["result"] == {"number": 5}


# ---------------------------------------------------------------- the server stops


def test_what_is_handed_back_at_a_stop_completes_after_the_start(tmp_path):
    short_grace = settings(worker_slots=1, worker_threads=2, worker_shutdown_grace_seconds=1)
    with Server(tmp_path / "data", short_grace) as server:
        with server.client() as client:
            deploy_code(client, "busy", BUSY)
            running = queue_many(client, "busy", [{"seconds": 4.0, "number": i} for i in range(2)])
            waiting = queue_many(client, "busy", [{"number": 10 + i} for i in range(20)])
            for task in running:
                wait_until(lambda task=task: state(client, task) == "running", "it is running")
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 10, "a stop takes the grace, and little more"
        server.start()
        with server.client() as client:
            for number, task in enumerate(running):
                shown = wait_until_final(client, task)
                assert shown["state"] == "completed", shown
                assert shown["result"] == {"number": number}
            for number, task in enumerate(waiting):
                shown = wait_until_final(client, task)
                assert shown["state"] == "completed", shown
                assert shown["result"] == {"number": 10 + number}
                assert shown["attempt"] == 1


def test_a_call_that_is_waited_for_at_a_stop_is_answered(tmp_path):
    """The connection is not cut: the answer is the task, done within the grace or going on."""
    short_grace = settings(worker_slots=1, worker_shutdown_grace_seconds=1)
    with Server(tmp_path / "data", short_grace) as server:
        with server.client() as client:
            deploy_code(client, "busy", BUSY)
        answers = []

        def call():
            with server.client() as client:
                answers.append(execute(client, "busy", {"seconds": 4.0, "number": 3}, wait=30))

        caller = threading.Thread(target=call)
        caller.start()
        with server.client() as client:
            listed = {"state": "running", "function_id": "busy"}
            wait_until(lambda: client.get("/api/tasks", params=listed).json()["items"], "it runs")
        assert server.stop() == 0
        caller.join()
        assert [answer.status_code for answer in answers] == [202], answers
        server.start()
        with server.client() as client:
            shown = wait_until_final(client, answers[0].json()["id"])
            assert shown["state"] == "completed" and shown["result"] == {"number": 3}, shown


def followed(
    client: httpx.Client,
    task: str,
    after: int = 0,
    most: int | None = None,
    events: list | None = None,
) -> list[tuple[int, str, dict]]:
    """A task's events as (id, event, data), until the stream ends or there are that many."""
    events, fields = [] if events is None else events, {}
    path = f"/api/tasks/{task}/events"
    with client.stream("GET", path, headers={"last-event-id": str(after)}) as stream:
        assert stream.status_code == 200
        for line in stream.iter_lines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif not line and "data" in fields:
                data = json.loads(fields["data"])["data"]
                events.append((int(fields["id"]), fields["event"], data))
                fields = {}
                if len(events) == most:
                    break
    return events


def test_who_follows_a_task_goes_on_after_a_restart(tmp_path):
    """With the number of the last event: none is lost and none doubled over two attempts."""
    short_grace = settings(worker_slots=1, worker_shutdown_grace_seconds=1)
    code = """
import time
import mecapy

def calculate(steps: int) -> dict:
    for step in range(steps):
        mecapy.log(f"step {step}")
        time.sleep(0.5)
    return {"steps": steps}
"""
    with Server(tmp_path / "data", short_grace) as server:
        with server.client() as client:
            deploy_code(client, "steps", code)
            task = queue(client, "steps", {"steps": 8})
            begun = followed(client, task, most=4)
        followed_to_the_stop = []

        def follow():
            with server.client() as client:
                followed(client, task, after=begun[-1][0], events=followed_to_the_stop)

        follower = threading.Thread(target=follow)
        follower.start()
        wait_until(lambda: followed_to_the_stop, "it is followed on")
        assert server.stop() == 0
        follower.join()
        seen = begun + followed_to_the_stop
        server.start()
        with server.client() as client:
            rest = followed(client, task, after=seen[-1][0])
            whole = followed(client, task)
    assert seen + rest == whole
    assert [number for number, _, _ in whole] == list(range(1, len(whole) + 1))
    states = [data["state"] for _, event, data in whole if event == "status"]
    assert states[-1] == "completed" and states.count("running") == 2, states
    logged = [data["message"] for _, event, data in whole if event == "log"]
    assert logged[-8:] == [f"step {step}" for step in range(8)]
    assert [data["result"] for _, event, data in whole if event == "result"] == [{"steps": 8}]


def test_a_webhook_that_was_not_delivered_is_after_a_restart(tmp_path, inbox):
    folder, port = inbox
    allowed = settings(webhooks_allow_private_targets=True)
    with Server(tmp_path / "data", allowed) as server:
        with server.client() as client:
            deploy_code(client, "quick", QUICK)
            hook = f"http://127.0.0.1:{port}/fails-once"
            task = execute(client, "quick", {"a": 1}, webhook=hook).json()["id"]
            secret = client.get("/api/webhooks/secret").json()["secret"]
            wait_until(lambda: receiver.deliveries(folder), "the attempt that fails")
        assert server.stop() == 0
        server.start()
        file = receiver.wait(folder, task, "/fails-once")
        receiver.verify(file, secret)
        first, second = (json.loads(file.read_text()) for file in receiver.deliveries(folder))
        assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
        assert first["body"] == second["body"]


def test_the_same_request_again_after_a_restart_makes_nothing_new(tmp_path):
    with Server(tmp_path / "data") as server:
        headers = {"prefer": "wait=10", "idempotency-key": "k"}
        call = {"json": {"inputs": {"a": 1}}, "headers": headers}
        with server.client() as client:
            deploy_code(client, "quick", QUICK)
            first = client.post("/api/functions/quick/execute", **call)
        assert server.stop() == 0
        server.start()
        with server.client() as client:
            again = client.post("/api/functions/quick/execute", **call)
            assert (again.status_code, again.content) == (200, first.content)
            assert len(client.get("/api/tasks").json()["items"]) == 1


def test_the_same_request_twice_at_the_same_time_makes_one_task(server, admin):
    deploy_code(admin, "busy-once", BUSY)
    ready = threading.Barrier(6)

    def call(_):
        with server.client() as client:
            ready.wait()
            return client.post(
                "/api/functions/busy-once/execute",
                json={"inputs": {"seconds": 0.3}},
                headers={"prefer": "wait=10", "idempotency-key": "at-the-same-time"},
            )

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, range(6)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    listed = admin.get("/api/tasks", params={"function_id": "busy-once"}).json()["items"]
    assert len(listed) == 1


# ---------------------------------------------------------------- quotas


def new_account(admin: httpx.Client, name: str, role: str = "user") -> tuple[str, str]:
    """An account and a token of it, as an administrator makes them."""
    account = admin.post("/api/service-accounts", json={"name": name, "role": role})
    assert account.status_code == 201, account.text
    id = account.json()["id"]
    token = admin.post(f"/api/service-accounts/{id}/tokens", json={"name": "a token"})
    assert token.status_code == 201, token.text
    return id, token.json()["token"]


def is_too_many(answer: httpx.Response) -> bool:
    """Whether it is a 429 as it has to be."""
    if answer.status_code != 429:
        return False
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert 1 <= int(answer.headers["retry-after"]) <= 120, answer.headers
    assert any(name.startswith("ratelimit") for name in answer.headers), answer.headers
    return True


def test_calls_per_minute_of_an_account(server, admin):
    deploy_code(admin, "quick", QUICK)
    account, token = new_account(admin, "three a minute")
    changed = admin.patch(
        f"/api/service-accounts/{account}", json={"quotas": {"calls_per_minute": 3}}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["quotas"]["calls_per_minute"] == 3
    with server.client(token) as user:
        allowed = [execute(user, "quick", {"a": i}).status_code for i in range(3)]
        assert allowed == [200, 200, 200]
        # A second one more, should a new minute just have begun.
        further = [execute(user, "quick", {"a": 9}) for _ in range(2)]
        assert any(is_too_many(answer) for answer in further), [a.text for a in further]
        assert user.get("/api/functions/quick").status_code == 200, "reading is no call"
    assert execute(admin, "quick", {"a": 1}).status_code == 200, "others have their own"


def test_concurrent_calls_of_an_account(tmp_path):
    """One at a time: another is refused, or waits until the first is done."""
    places = settings(worker_slots=2, worker_threads=4)
    with Server(tmp_path / "data", places) as server, server.client() as admin:
        deploy_code(admin, "busy", BUSY)
        account, token = new_account(admin, "one at a time")
        quotas = {"quotas": {"concurrent_calls": 1}}
        admin.patch(f"/api/service-accounts/{account}", json=quotas).raise_for_status()
        with server.client(token) as user:
            first = queue(user, "busy", {"seconds": 2.0})
            wait_until(lambda: state(user, first) == "running", "it is running")
            waited = execute(user, "busy", {}, wait=1)
            queued = user.post("/api/functions/busy/execute", json={"inputs": {}})
            ends = wait_until_final(user, first)["finished_at"]
            for answer in (waited, queued):
                if not is_too_many(answer):
                    began = wait_until_final(user, answer.json()["id"])["started_at"]
                    assert began >= ends, "two calls of the account ran at the same time"
            wait_until(lambda: execute(user, "busy", {}).status_code == 200, "its place is free")


def test_failed_logins_are_limited(tmp_path):
    with Server(tmp_path / "data", settings(quotas_failed_logins_per_minute=5)) as server:
        wrong = "mcp_abcdefgh_" + "w" * 40
        with server.client(wrong) as stranger:
            statuses = [stranger.get("/api/auth/me").status_code for _ in range(5)]
            assert statuses == [401] * 5
            answers = [stranger.get("/api/auth/me") for _ in range(3)]
            assert any(is_too_many(answer) for answer in answers), [a.text for a in answers]
            assert {answer.status_code for answer in answers} <= {401, 429}
        with server.client() as client:
            # Who guesses from an address keeps nobody there from working.
            assert client.get("/api/auth/me").status_code == 200
