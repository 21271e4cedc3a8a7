"""Identical calls of a function whose results are kept: they run once, waited for or queued,
and nobody waits longer for another's call than it asked to."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from harness import Server, deploy_code, execute, wait_until_final
from test_story import CACHED, DRAWN, deploy_package, queue, queue_many, settings, state, wait_until

#: Long enough for a test to look around while it lasts; such a call is cancelled at the end.
LONG = 120.0


@pytest.fixture(scope="module", autouse=True)
def deployed(admin):
    deploy_package(admin, CACHED % "3.0.0", DRAWN)
    deploy_code(admin, "drawn", DRAWN)


def run(server: Server, inputs: dict, wait: int) -> httpx.Response:
    with server.client(timeout=LONG) as client:
        return execute(client, "cached", inputs, wait=wait)


def one_ran(tasks: list[dict]) -> None:
    """All have the same result, which one of them computed."""
    assert {task["state"] for task in tasks} == {"completed"}, tasks
    assert len({task["result"]["drawn"] for task in tasks}) == 1, tasks
    assert [task["cached"] for task in tasks].count(False) == 1, tasks


def test_identical_calls_in_the_queue_run_once(admin):
    tasks = queue_many(admin, "cached", [{"a": 11, "pause": 0.3}] * 40)
    one_ran([wait_until_final(admin, task) for task in tasks])


def test_others_do_not_wait_behind_identical_calls(admin):
    long = queue(admin, "cached", {"a": 12, "pause": LONG})
    wait_until(lambda: state(admin, long) == "running", "it is running")
    same = queue_many(admin, "cached", [{"a": 12, "pause": LONG}] * 50)
    other = wait_until_final(admin, queue(admin, "cached", {"a": 13}))
    assert (other["state"], other["cached"]) == ("completed", False)
    assert wait_until_final(admin, queue(admin, "drawn", {"a": 12}))["state"] == "completed"
    assert state(admin, long) == "running"
    assert {state(admin, task) for task in same} == {"queued"}
    for task in [*same, long]:
        admin.post(f"/api/tasks/{task}/cancel").raise_for_status()
    assert {wait_until_final(admin, task)["state"] for task in [*same, long]} == {"cancelled"}


def test_a_follower_waits_no_longer_than_it_asked(server, admin):
    inputs = {"a": 14, "pause": LONG}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, server, inputs, 60)

        def leader():
            listed = admin.get("/api/tasks", params={"state": "running"}).json()["items"]
            return listed and listed[0]["id"]

        first = wait_until(leader, "the first is running")
        began = time.monotonic()
        answer = execute(admin, "cached", inputs, wait=1)
        took = time.monotonic() - began
        assert answer.status_code == 202, answer.text
        follower = answer.json()
        assert (follower["state"], follower["id"] != first) == ("queued", True)
        assert answer.headers["location"] == f"/api/tasks/{follower['id']}"
        assert 0.9 < took < 20.0, took
        assert state(admin, first) == "running"
        assert state(admin, follower["id"]) == "queued"
        # Without the first, whose result it would have had, it runs itself.
        admin.post(f"/api/tasks/{first}/cancel").raise_for_status()
        assert waiting.result().json()["state"] == "cancelled"
        wait_until(lambda: state(admin, follower["id"]) == "running", "the follower runs")
        admin.post(f"/api/tasks/{follower['id']}/cancel").raise_for_status()
        assert wait_until_final(admin, follower["id"])["state"] == "cancelled"


def test_waiting_and_queued_calls_together_run_once(server, admin):
    inputs = {"a": 15, "pause": 2.5}
    ready = threading.Barrier(9)

    def call(number: int) -> str:
        ready.wait()
        if number % 3 == 0:
            with server.client() as client:
                return queue(client, "cached", inputs)
        answer = run(server, inputs, wait=1 if number % 3 == 1 else 60)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()["id"]

    with ThreadPoolExecutor(9) as pool:
        tasks = list(pool.map(call, range(9)))
    assert len(set(tasks)) == 9
    one_ran([wait_until_final(admin, task) for task in tasks])


FAILS = "def calculate(a: int) -> dict:\n    raise ValueError('no')\n"


def test_what_failed_is_not_another_s_result(admin):
    deploy_package(admin, (CACHED % "1.0.0").replace("name: cached", "name: failing"), FAILS)
    tasks = queue_many(admin, "failing", [{"a": 1}] * 5)
    shown = [wait_until_final(admin, task) for task in tasks]
    assert {task["state"] for task in shown} == {"failed"}
    assert not any(task["cached"] for task in shown)


def test_identical_calls_run_once_across_a_restart(tmp_path):
    """The server dies while the first runs: another takes its turn, and one result comes."""
    inputs = {"a": 16, "pause": 6.0}
    with Server(tmp_path / "data", settings(worker_slots=2, worker_threads=4)) as server:
        with server.client() as client:
            deploy_package(client, CACHED % "1.0.0", DRAWN)
            tasks = queue_many(client, "cached", [inputs] * 10)
            wait_until(lambda: any(state(client, task) == "running" for task in tasks), "one runs")
            running = [task for task in tasks if state(client, task) == "running"]
            assert len(running) == 1
            server.kill()
        server.start()
        with server.client() as client:
            one_ran([wait_until_final(client, task) for task in tasks])
        assert server.stop() == 0
