"""Functions that Docker runs, as callers of the API see them: deployed, called, cancelled,
restarted, and refused where there is no Docker."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import httpx
import pytest
import yaml

from harness import ROOT, Server, execute, wait_until_final

#: The base image that `tools/test-images` makes.
DOCKER = {
    "MECAPY_DOCKER_USE": "always",
    "MECAPY_DOCKER_PYTHON_BASE": "mecapy-test/python:{version}",
    "MECAPY_DOCKER_SCIENTIFIC_BASE": "mecapy-test/python:{version}",
    "MECAPY_DOCKER_VERSIONS": "3.11",
}
EXAMPLES = ROOT / "examples/docker"
WITHOUT = os.environ.get("MECAPY_WITHOUT_DOCKER") == "1"

MANIFEST = """\
version: "1.0"
metadata: {name: "NAME"}
runtime: {engine: ENGINE, timeout: 60, memory_limit: 256}
versioning: {version: "1.0.0"}
"""

EVERYTHING = '''\
import mecapy


def calculate(inputs):
    """Does as it is told."""
    what = inputs["do"]
    if what == "answer":
        mecapy.log.info("on it")
        print("printed")
        mecapy.progress(0.5, "half")
        return {"answer": inputs["of"] * 2}
    if what == "raise":
        raise ValueError("no such beam")
    if what == "nan":
        return {"stress": float("nan")}
    if what == "sleep":
        import time

        mecapy.progress(0.1, "sleeping")
        time.sleep(inputs["seconds"])
        return {"slept": True}
    if what == "memory":
        return {"bytes": len(bytearray(1 << 30))}
    if what == "files":
        with mecapy.files.open(inputs["mesh"]) as mesh:
            text = mesh.read()
        with mecapy.files.create("results/copy.txt") as copy:
            copy.write(text.upper())
        return {"bytes": len(text)}
    raise KeyError(what)
'''


def packed(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def of_folder(folder: Path) -> bytes:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return packed({str(path.relative_to(folder)): path.read_bytes() for path in paths})


def deploy(client: httpx.Client, archive: bytes) -> httpx.Response:
    headers = {"prefer": "wait=300"}
    files = {"archive": ("package.zip", archive)}
    return client.post("/api/functions", files=files, headers=headers, timeout=400)


def package(name: str, code: str, engine: str = "docker", more: str = "") -> bytes:
    manifest = MANIFEST.replace("NAME", name).replace("ENGINE", engine) + more
    return packed({"mecapy.yaml": manifest, "handler.py": code})


def containers(server: Server, *states: str) -> list[str]:
    """Ids of this server's containers."""
    owner = f"label=mecapy.owner=mecapy-server {server.data.resolve()}"
    filters = [f"--filter=status={state}" for state in states]
    command = ["docker", "ps", "--all", "--quiet", "--no-trunc", f"--filter={owner}", *filters]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


if not WITHOUT:

    @pytest.fixture(scope="module")
    def server():
        with Server(settings=DOCKER) as running:
            yield running
            assert running.stop() == 0
            # An orderly stop leaves nothing behind.
            assert containers(running) == []

    @pytest.fixture(scope="module", autouse=True)
    def everything(admin):
        answer = deploy(admin, package("everything", EVERYTHING))
        assert answer.status_code == 201, answer.text
        assert answer.json()["functions"][0]["engine"] == "docker"

    def test_the_server_says_that_docker_is_there(admin):
        assert admin.get("/readyz").json()["docker"] == "ok"
        assert "mecapy_docker_containers" in admin.get("/metrics").text

    @pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir()))
    def test_examples_run(admin, name):
        answer = deploy(admin, of_folder(EXAMPLES / name))
        assert answer.status_code == 201, answer.text
        [function] = answer.json()["functions"]
        assert function["engine"] == "docker"
        assert "has no WASI build" in function["engine_reason"], function
        manifest = yaml.safe_load((EXAMPLES / name / "mecapy.yaml").read_text())
        cases = manifest["quality"]["test_cases"]
        for case in cases:
            called = execute(admin, function["id"], case["inputs"], wait=120)
            assert called.status_code == 200, called.text
            task = called.json()
            assert task["state"] == "completed" and task["engine"] == "docker", task
            assert_fits(case.get("expected_outputs", {}), task["result"], case.get("tolerance", 1e-9))

    def assert_fits(expected, found, tolerance):
        """As the test cases of a manifest: a subset, numbers relatively near."""
        if isinstance(expected, dict):
            for key, value in expected.items():
                assert_fits(value, found[key], tolerance)
        elif isinstance(expected, list):
            assert len(expected) == len(found)
            for one, other in zip(expected, found):
                assert_fits(one, other, tolerance)
        elif isinstance(expected, float) or isinstance(found, float):
            assert found == pytest.approx(expected, rel=tolerance, abs=1e-12)
        else:
            assert found == expected

    def test_a_figure_comes_as_a_file(admin):
        called = None
        manifest = yaml.safe_load((EXAMPLES / "stress-strain-figure/mecapy.yaml").read_text())
        # Test cases have no place for files.
        inputs = manifest["quality"]["test_cases"][0]["inputs"] | {"figure": "curve.png"}
        deploy(admin, of_folder(EXAMPLES / "stress-strain-figure")).raise_for_status()
        called = execute(admin, "stress-strain-figure", inputs, wait=120)
        task = called.raise_for_status().json()
        files = admin.get(f"/api/tasks/{task['id']}/files").raise_for_status().json()
        [file] = [one for one in files["items"] if one["key"].endswith(".png")]
        content = admin.get(file["url"], follow_redirects=True).raise_for_status().content
        assert content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) > 5_000

    def test_ends_are_told_as_in_the_sandbox(admin):
        code = package("sandboxed", EVERYTHING, "sandbox")
        assert deploy(admin, code).status_code == 201
        for inputs, kind in [
            ({"do": "raise"}, "exception"),
            ({"do": "nan"}, "invalid_outputs"),
            ({"do": "memory"}, "memory_exceeded"),
            ({"do": "files", "mesh": "no.txt"}, "exception"),
        ]:
            errors = []
            for function in ("everything", "sandboxed"):
                task = execute(admin, function, inputs, wait=60).json()
                assert task["state"] == "failed", task
                errors.append(task["error"])
            assert [error["kind"] for error in errors] == [kind, kind], errors
            # But for the numbers of errors, which are the system's.
            messages = [re.sub(r"\[Errno \d+\]", "", error["message"]) for error in errors]
            assert messages[0] == messages[1]

    def test_a_timeout_ends_a_call(admin):
        task = execute(admin, "everything", {"do": "sleep", "seconds": 600}, wait=60, timeout=1)
        task = wait_until_final(admin, task.json()["id"])
        assert task["error"]["kind"] == "timeout", task
        # The next one finds a container that works.
        task = execute(admin, "everything", {"do": "answer", "of": 4}, wait=60).json()
        assert task["result"] == {"answer": 8}

    def test_logs_and_progress_are_told(admin):
        task = execute(admin, "everything", {"do": "answer", "of": 21}, wait=60).json()
        assert task["result"] == {"answer": 42}
        logs = admin.get(f"/api/tasks/{task['id']}/logs").raise_for_status().text
        assert "on it" in logs and "printed" in logs
        usage = task["usage"]
        assert usage["peak_memory_bytes"] > 1 << 20 and usage["wall_ms"] > 0, usage

    def test_a_running_call_is_cancelled(admin):
        answer = admin.post(
            "/api/functions/everything/execute",
            json={"inputs": {"do": "sleep", "seconds": 600}},
        )
        task = answer.raise_for_status().json()["id"]
        with admin.stream("GET", f"/api/tasks/{task}/events") as stream:
            # It runs when it says how far it has come.
            for line in stream.iter_lines():
                if "sleeping" in line:
                    break
        admin.post(f"/api/tasks/{task}/cancel").raise_for_status()
        assert wait_until_final(admin, task)["state"] == "cancelled"

    def test_what_the_sandbox_lacks_in_the_middle_of_a_call_docker_has(admin):
        code = (
            "def calculate(inputs):\n"
            "    if inputs.get('exact'):\n"
            "        import numpy\n"
            "        return {'sum': float(numpy.ones(3).sum())}\n"
            "    return {'sum': 3.0}\n"
        )
        more = 'dependencies: {packages: ["numpy==2.4.6"]}\n'
        answer = deploy(admin, package("lazy", code, "auto", more))
        assert answer.status_code == 201, answer.text
        assert answer.json()["functions"][0]["engine"] == "sandbox"
        task = execute(admin, "lazy", {"exact": False}, wait=60).json()
        assert task["result"] == {"sum": 3.0} and task["warnings"] == []
        task = execute(admin, "lazy", {"exact": True}, wait=300).json()
        assert task["state"] == "completed" and task["result"] == {"sum": 3.0}, task
        [warning] = task["warnings"]
        assert warning["code"] == "engine" and "numpy has no WASI build" in warning["message"]

    def test_a_package_that_fails_its_tests_in_the_image_is_refused(admin):
        more = "quality: {test_cases: [{inputs: {do: answer, of: 2}, expected_outputs: {answer: 5}}]}\n"
        answer = deploy(admin, package("wrong", EVERYTHING, more=more))
        assert answer.status_code == 422, answer.text
        assert "expected 5, got 4" in answer.text
        assert admin.get("/api/functions/wrong").status_code == 404

    def test_what_containers_do_not_heed_is_told(admin):
        manifest = MANIFEST.replace("NAME", "seeded").replace("ENGINE", "docker")
        manifest = manifest.replace("timeout: 60", "timeout: 60, deterministic: true, fuel: 1000000")
        code = "import random\n\n\ndef calculate(inputs):\n    return {'drawn': random.random()}\n"
        answer = deploy(admin, packed({"mecapy.yaml": manifest, "handler.py": code}))
        assert answer.status_code == 201, answer.text
        shown = json.dumps(admin.get("/api/functions/seeded").raise_for_status().json())
        assert "`fuel` is not counted in containers" in shown
        drawn = {
            execute(admin, "seeded", {"n": n}, wait=60, cache=False).json()["result"]["drawn"]
            for n in range(3)
        }
        assert len(drawn) == 1

    def test_a_package_of_its_own_dockerfile_runs(admin):
        manifest = MANIFEST.replace("NAME", "program").replace("ENGINE", "docker") + (
            "io:\n  inputs_schema: {type: object, properties: {x: {type: number}}, required: [x]}\n"
            "quality:\n  test_cases: [{inputs: {x: 4}, expected_outputs: {root: 2}}]\n"
        )
        program = (
            "import json\nimport math\nimport sys\n\n"
            "inputs = json.load(sys.stdin)\n"
            "print('taking a root', file=sys.stderr)\n"
            "json.dump({'root': math.sqrt(inputs['x'])}, sys.stdout)\n"
        )
        dockerfile = 'FROM python-base\nCOPY program.py /opt/program.py\nCMD ["python3", "/opt/program.py"]\n'
        files = {"mecapy.yaml": manifest, "program.py": program, "Dockerfile": dockerfile}
        answer = deploy(admin, packed(files))
        assert answer.status_code == 201, answer.text
        task = execute(admin, "program", {"x": 9}, wait=60).json()
        assert task["result"] == {"root": 3.0} and task["engine"] == "docker", task
        task = execute(admin, "program", {"x": -1}, wait=60).json()
        assert task["error"]["kind"] == "exception" and "ValueError" in task["error"]["message"]

    def test_a_server_that_was_killed_leaves_nothing_to_the_next():
        with Server(settings=DOCKER) as server:
            with server.client() as client:
                assert deploy(client, package("everything", EVERYTHING)).status_code == 201
                answer = client.post(
                    "/api/functions/everything/execute",
                    json={"inputs": {"do": "answer", "of": 1}},
                )
                task = answer.raise_for_status().json()["id"]
                wait_until_final(client, task)
            left = containers(server)
            assert left
            server.kill()
            server.start()
            with server.client() as client:
                shown = execute(client, "everything", {"do": "answer", "of": 5}, wait=60).json()
                assert shown["result"] == {"answer": 10}
                assert not set(left) & set(containers(server, "running", "paused"))
            assert server.stop() == 0
            assert containers(server) == []


def test_without_docker_what_needs_it_is_refused():
    with Server(settings={"MECAPY_DOCKER_HOST": "unix:///nowhere/docker.sock",
                          "MECAPY_DOCKER_USE": "auto"}) as server, server.client() as client:
        assert client.get("/readyz").json()["docker"] == "absent"
        answer = deploy(client, package("everything", EVERYTHING))
        assert answer.status_code in (422, 503), answer.text
        assert "`everything` needs Docker: the manifest says `engine: docker`" in answer.text
        answer = deploy(client, package("sandboxed", EVERYTHING, "auto"))
        assert answer.status_code == 201
        task = execute(client, "sandboxed", {"do": "answer", "of": 2}).json()
        assert task["result"] == {"answer": 4} and task["engine"] == "sandbox"
