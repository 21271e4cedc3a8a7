"""A deploy cut off at any step leaves nothing: nothing visible, nothing on disk."""

from __future__ import annotations

import io
import os
import random
import threading
import time
import zipfile

import httpx

from faults import all_items, check_database, check_swept
from harness import ROOT, Server

CUTS = 10
SEED = int(os.environ.get("FAULT_SEED", "20262"))
#: A package of two functions, with a data file and tests.
PACKAGE = ROOT / "examples" / "structural-analysis"


def archive(number: int) -> bytes:
    """The package, of a content of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                packed.write(path, path.relative_to(PACKAGE))
        packed.writestr(zipfile.ZipInfo("extra.py"), f"NUMBER = {number}\n")
    return buffer.getvalue()


def deploy(client: httpx.Client, number: int, **headers) -> httpx.Response:
    files = {"archive": ("package.zip", archive(number), "application/zip")}
    return client.post("/api/functions", files=files, headers=headers)


class Deploying(threading.Thread):
    """Deploys once; keeps the answer, if there is one."""

    def __init__(self, server: Server, number: int):
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.answer: httpx.Response | None = None

    def run(self) -> None:
        try:
            with self.server.client() as client:
                self.answer = deploy(client, self.number)
        except httpx.TransportError:
            pass


def newest(client: httpx.Client) -> dict:
    return client.get("/api/deployments?limit=1").json()["items"][0]


def wait_for_step(server: Server, known: str, count: int) -> None:
    """Returns once a deploy that is not the known one has begun so many steps, or is over."""
    deadline = time.monotonic() + 30.0
    with server.client() as client:
        while time.monotonic() < deadline:
            one = newest(client)
            if one["id"] != known and (one["finished_at"] or len(one["steps"]) >= count):
                return
    raise AssertionError("no deploy began")


def check_deployments(client: httpx.Client) -> tuple[int, int]:
    """All are over; what is visible is what succeeded. How many did, and were interrupted."""
    succeeded, interrupted, versions = 0, 0, {}
    for deployment in all_items(client, "/api/deployments"):
        assert deployment["finished_at"], deployment
        if deployment["state"] == "succeeded":
            succeeded += 1
            for function in deployment["functions"]:
                versions.setdefault(function, set()).add(deployment["version"])
            continue
        interrupted += 1
        assert deployment["state"] == "failed", deployment
        assert deployment["error"]["slug"] == "interrupted", deployment
        assert deployment["error"]["retriable"], deployment
        assert deployment["functions"] is None, deployment
        with client.stream("GET", deployment["events_url"]) as events:
            text = "".join(events.iter_text())
        numbers = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
        assert numbers == list(range(1, len(numbers) + 1)), text
        assert text.count('"state":"failed"') >= 1, text
    listed = {
        one["id"]: {
            version["version"]
            for version in all_items(client, f"/api/functions/{one['id']}/versions")
        }
        for one in all_items(client, "/api/functions")
    }
    assert listed == versions
    return succeeded, interrupted


def test_a_deploy_that_is_cut_off_leaves_nothing(tmp_path):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    acknowledged = []
    with Server(tmp_path / "data") as server:
        with server.client() as client:
            for number in (100, 101):
                began = time.monotonic()
                answer = deploy(client, number)
                assert answer.status_code == 201, answer.text
                whole = time.monotonic() - began
                acknowledged.append(answer.json())
            steps = len(newest(client)["steps"])
        for cut in range(CUTS + steps):
            with server.client() as client:
                known = newest(client)["id"]
            one = Deploying(server, cut + 1)
            one.start()
            # Every moment of a deploy has its turn, and then each of its steps.
            if cut < CUTS:
                time.sleep(whole * (cut + chance.random()) / CUTS)
            else:
                wait_for_step(server, known, cut - CUTS + 1)
            server.kill()
            one.join(timeout=60.0)
            assert not one.is_alive()
            if one.answer is not None:
                assert one.answer.status_code == 201, one.answer.text
                acknowledged.append(one.answer.json())
            server.start()
            with server.client() as client:
                succeeded, interrupted = check_deployments(client)
            assert server.stop() == 0
            check_swept(server)
            server.start()
        print(f"a deploy takes {whole:.2f} s; {succeeded} succeeded, {interrupted} interrupted")
        assert interrupted >= 3
        with server.client() as client:
            for deployed in acknowledged:
                for function in deployed["functions"]:
                    path = f"/api/functions/{function['id']}/versions/{function['version']}"
                    assert client.get(path).status_code == 200
                    assert client.get(f"{path}/source", follow_redirects=True).status_code == 200
            # What was interrupted may be deployed again.
            for number in range(1, 3):
                assert deploy(client, number).status_code == 201
            check_deployments(client)
        assert server.stop() == 0
        check_database(server.data, tmp_path)
        check_swept(server)


def test_a_deploy_with_a_key_is_answered_after_the_kill(tmp_path):
    """The key of a deploy that was cut off is not stuck: the deploy is told to have been
    interrupted, or is done."""
    with Server(tmp_path / "data") as server:
        for number, delay in enumerate((0.02, 0.05, 0.1), 1):
            key = {"idempotency-key": f"deploy-{number}"}

            def send(number=number, key=key):
                try:
                    with server.client() as client:
                        deploy(client, number, **key)
                except httpx.TransportError:
                    pass

            thread = threading.Thread(target=send, daemon=True)
            thread.start()
            time.sleep(delay)
            server.kill()
            thread.join(timeout=60.0)
            server.start()
            with server.client() as client:
                deadline = time.monotonic() + 30.0
                while (answer := deploy(client, number, **key)).status_code != 201:
                    assert answer.status_code in (409, 503), answer.text
                    assert time.monotonic() < deadline, answer.text
                    time.sleep(0.05)
                again = deploy(client, number, **key)
                assert again.json() == answer.json()
                assert again.headers["idempotency-replayed"] == "true"
                check_deployments(client)


def test_a_stop_in_order_during_a_deploy_leaves_nothing(tmp_path):
    chance = random.Random(SEED)
    with Server(tmp_path / "data") as server:
        began = time.monotonic()
        with server.client() as client:
            assert deploy(client, 0).status_code == 201
        whole = time.monotonic() - began
        for cut in range(5):
            one = Deploying(server, cut + 1)
            one.start()
            time.sleep(whole * (cut + chance.random()) / 5)
            assert server.stop() == 0
            one.join(timeout=60.0)
            assert not one.is_alive()
            if one.answer is not None:
                assert one.answer.status_code in (201, 202, 503), one.answer.text
            check_swept(server)
            server.start()
            with server.client() as client:
                check_deployments(client)


def test_no_step_of_an_interrupted_deploy_goes_on(tmp_path):
    """A deployment that is over has no step that is still running, however it ended."""
    with Server(tmp_path / "data") as server:
        for number, end in enumerate((server.kill, server.stop), 1):
            one = Deploying(server, number)
            one.start()
            time.sleep(0.1)
            end()
            one.join(timeout=60.0)
            server.start()
        with server.client() as client:
            deployments = all_items(client, "/api/deployments")
            assert {one["state"] for one in deployments} == {"failed"}
            states = [step["state"] for one in deployments for step in one["steps"]]
            assert "running" not in states, states


def test_a_stop_does_not_wait_for_a_deploy_that_takes_long(tmp_path):
    """A package may compute for long while it is tried; a server that stops cuts it off."""
    slow = "import time\nend = time.monotonic() + 40\nwhile time.monotonic() < end:\n    pass\n"
    code = slow + "def calculate() -> int:\n    return 1\n"
    with Server(tmp_path / "data") as server:
        with server.client() as client:
            body = {"name": "slow", "code": code}
            answer = client.post("/api/functions", json=body, headers={"prefer": "wait=0"})
            assert answer.status_code == 202, answer.text
            time.sleep(1.0)
            deployment = client.get(f"/api/deployments/{answer.json()['id']}").json()
            assert deployment["state"] == "running", deployment
        began = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - began
        assert took < 10.0, f"{took:.1f} s"
        check_swept(server)
        server.start()
        with server.client() as client:
            _, interrupted = check_deployments(client)
            assert interrupted == 1
