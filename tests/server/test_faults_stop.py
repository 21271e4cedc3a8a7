"""SIGTERM under load, and callers that hang up."""

from __future__ import annotations

import signal
import socket
import threading
import time

import httpx

from faults import (
    WORK, check_database, check_events, check_result, check_same, check_swept, problem,
    wait_until_idle,
)
from harness import Server, deploy_code, execute, wait_until_final

GRACE = 1


class Caller(threading.Thread):
    """Calls once, on a connection of its own, and waits."""

    def __init__(self, server: Server, inputs: dict):
        super().__init__(daemon=True)
        self.server, self.inputs = server, inputs
        self.answer: httpx.Response | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self.server.client() as client:
                self.answer = execute(client, "work", self.inputs, wait=20)
        except httpx.TransportError as error:
            self.error = error


def wait_for_running(client: httpx.Client, count: int) -> None:
    deadline = time.monotonic() + 20.0
    while True:
        tasks = client.get("/api/tasks?limit=200&state=running").raise_for_status().json()["items"]
        if len(tasks) >= count:
            return
        assert time.monotonic() < deadline, f"{len(tasks)} run"
        time.sleep(0.02)


def stop_in_time(server: Server) -> float:
    began = time.monotonic()
    assert server.stop() == 0, server.log_tail()
    took = time.monotonic() - began
    assert took < GRACE + 4.0, f"{took:.1f} s"
    assert not (server.data / "unclean").exists()
    return took


def test_a_stop_under_load_hands_back_what_runs_and_answers_who_waits(tmp_path):
    settings = {"MECAPY_WORKER_SHUTDOWN_GRACE_SECONDS": str(GRACE)}
    with Server(tmp_path / "data", settings) as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
            queued = []
            for seed in range(100, 110):
                kind = "sleep" if seed % 2 else "busy"
                body = {"inputs": {"kind": kind, "seed": seed, "seconds": 2.5}}
                answer = client.post("/api/functions/work/execute", json=body)
                assert answer.status_code == 202, answer.text
                queued.append(answer.json()["id"])
            wait_for_running(client, 2)
        sleep = {"kind": "sleep"}
        long = [Caller(server, sleep | {"seed": n, "seconds": 3.0}) for n in range(4)]
        short = [Caller(server, sleep | {"seed": n, "seconds": 0.9}) for n in range(10, 13)]
        for caller in long + short:
            caller.start()
        # All of them are accepted by then.
        time.sleep(0.4)
        took = stop_in_time(server)
        for caller in long + short:
            caller.join(timeout=30.0)
            assert not caller.is_alive()
            assert caller.answer is not None, f"{caller.inputs}: {caller.error!r}"
            assert caller.answer.status_code in (200, 202, 503), caller.answer.text
            if caller.answer.status_code == 503:
                assert problem(caller.answer) == "unavailable"
        print(f"stopped in {took:.2f} s: {[c.answer.status_code for c in long + short]}")
        assert any(caller.answer.status_code == 202 for caller in long)
        check_database(server.data, tmp_path)
        check_swept(server)

        server.start()
        with server.client() as client:
            for task in queued:
                wait_until_final(client, task)
            for caller in long + short:
                if caller.answer.status_code == 202:
                    wait_until_final(client, caller.answer.json()["id"])
            tasks = wait_until_idle(client)
            for task in tasks:
                assert task["state"] == "completed", task
                # Handed back, an attempt does not count, and is no failure.
                assert (task["attempt"], task["history"]) == (1, []), task
                check_result(client, task)
                check_events(client, task)
            for caller in long + short:
                if caller.answer.status_code == 200:
                    check_same(client, caller.answer.json())
            seeds = sorted(check_result(client, task)["result"]["seed"] for task in tasks)
            assert len(seeds) == len(set(seeds))
        assert server.stop() == 0
        check_swept(server)


def test_a_stop_never_loses_a_task_that_is_just_taken_up(tmp_path):
    """Many short tasks, so that the stop falls between any two steps of taking one up."""
    settings = {"MECAPY_WORKER_SHUTDOWN_GRACE_SECONDS": str(GRACE)}
    with Server(tmp_path / "data", settings) as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
        for round in range(8):
            with server.client() as client:
                for seed in range(150):
                    body = {"inputs": {"kind": "quick", "seed": round * 1000 + seed}}
                    answer = client.post("/api/functions/work/execute", json=body)
                    assert answer.status_code == 202, answer.text
            stop_in_time(server)
            server.start()
        with server.client() as client:
            tasks = wait_until_idle(client)
            assert len(tasks) == 8 * 150
            again = [task for task in tasks if task["attempt"] != 1 or task["history"]]
            assert not again, (len(again), again[0])
            assert {task["state"] for task in tasks} == {"completed"}
        assert server.stop() == 0
        check_swept(server)


def test_who_waits_for_a_queued_task_is_answered_when_the_server_stops(tmp_path):
    settings = {
        "MECAPY_WORKER_SHUTDOWN_GRACE_SECONDS": "0", "MECAPY_WORKER_SLOTS": "1",
        "MECAPY_WORKER_THREADS": "1",
    }
    with Server(tmp_path / "data", settings) as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
        callers = [Caller(server, {"kind": "sleep", "seed": n, "seconds": 2.0}) for n in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(0.5)
        stop_in_time(server)
        ids = []
        for caller in callers:
            caller.join(timeout=30.0)
            assert caller.answer is not None, f"{caller.inputs}: {caller.error!r}"
            assert caller.answer.status_code == 202, caller.answer.text
            ids.append(caller.answer.json()["id"])
        server.start()
        with server.client() as client:
            for task in ids:
                ended = wait_until_final(client, task)
                assert (ended["state"], ended["attempt"]) == ("completed", 1), ended
        assert server.stop() == 0


def test_a_stop_is_not_held_up_by_those_who_are_slow(tmp_path):
    """Connections that are idle, that stop within a request, and that follow events."""
    settings = {"MECAPY_WORKER_SHUTDOWN_GRACE_SECONDS": str(GRACE)}
    with Server(tmp_path / "data", settings) as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
            body = {"inputs": {"kind": "sleep", "seed": 1, "seconds": 20.0}}
            task = client.post("/api/functions/work/execute", json=body).json()["id"]
        head = f"Host: x\r\nAuthorization: Bearer {server.token}\r\n"
        texts = (
            "",
            "GET /api/tasks HTTP/1.1\r\n",
            f"POST /api/files?key=a HTTP/1.1\r\n{head}Content-Type: text/plain\r\n"
            "Content-Length: 100\r\n\r\nhalf",
            f"GET /api/tasks/{task}/events HTTP/1.1\r\n{head}\r\n",
        )
        slow = []
        for text in texts:
            one = socket.create_connection(("127.0.0.1", server.port))
            one.sendall(text.encode())
            slow.append(one)
        time.sleep(0.5)
        began = time.monotonic()
        assert server.stop() == 0, server.log_tail()
        took = time.monotonic() - began
        assert took < GRACE + 8.0, f"{took:.1f} s"
        for one in slow:
            one.close()
        check_swept(server)
        server.start()
        with server.client() as client:
            shown = client.get(f"/api/tasks/{task}").json()
            assert (shown["attempt"], shown["history"]) == (1, []) or shown["state"] == "queued"
            assert client.get("/api/files/a").status_code == 404


def test_a_server_that_was_frozen_longer_than_its_leases_loses_nothing(tmp_path):
    """Nobody else took its tasks up meanwhile: they end where they are, once."""
    with Server(tmp_path / "data", {"MECAPY_WORKER_LEASE_SECONDS": "3"}) as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
            for seed in range(8):
                kind = ("busy", "sleep", "quick", "large")[seed % 4]
                body = {"inputs": {"kind": kind, "seed": seed, "seconds": 1.5}}
                assert client.post("/api/functions/work/execute", json=body).status_code == 202
            wait_for_running(client, 1)
            for _ in range(2):
                server.process.send_signal(signal.SIGSTOP)
                time.sleep(4.0)
                server.process.send_signal(signal.SIGCONT)
                time.sleep(0.5)
            tasks = wait_until_idle(client)
            for task in tasks:
                assert task["state"] == "completed", task
                assert (task["attempt"], task["history"]) == (1, []), task
                check_result(client, task)
                check_events(client, task)
        assert server.stop() == 0


def test_a_caller_who_hung_up_is_answered_when_he_asks_again(tmp_path):
    """The key of a request whose connection was lost is not stuck."""
    with Server(tmp_path / "data") as server:
        with server.client() as client:
            deploy_code(client, "work", WORK)
            for seed, patience in enumerate((0.005, 0.02, 0.1, 0.3)):
                body = {"inputs": {"kind": "sleep", "seed": seed, "seconds": 0.5}}
                headers = {"idempotency-key": f"key-{seed}", "prefer": "wait=10"}
                path = "/api/functions/work/execute"
                with server.client(timeout=httpx.Timeout(10.0, read=patience)) as hasty:
                    try:
                        hasty.post(path, json=body, headers=headers)
                    except httpx.TimeoutException:
                        pass
                deadline = time.monotonic() + 5.0
                while (answer := client.post(path, json=body, headers=headers)).status_code == 409:
                    assert time.monotonic() < deadline, answer.text
                    time.sleep(0.05)
                assert answer.status_code in (200, 202), answer.text
                task = wait_until_final(client, answer.json()["id"])
                assert check_result(client, task)["result"]["seed"] == seed
            assert len(wait_until_idle(client)) == 4
