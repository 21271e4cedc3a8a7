"""Hostile inline code: refused, or ended, with what was wrong; other calls go on."""

from __future__ import annotations

import time

import pytest

from harness import Server, wait_until_final
from problems import check_problem, check_sound


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def client(server):
    with server.client(timeout=90.0) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def sound_afterwards(server):
    yield
    check_sound(server)


def run(client, code: str, inputs: dict | None = None, **more) -> dict:
    """Makes and runs a task of this code; the task when it has ended."""
    body = {"name": "hostile", "code": code, "inputs": inputs or {}, "timeout": 3} | more
    made = client.post("/api/tasks", json=body)
    assert made.status_code == 201, made.text
    id = made.json()["id"]
    answer = client.post(f"/api/tasks/{id}/execute", headers={"prefer": "wait=30"})
    assert answer.status_code in (200, 202), answer.text
    return wait_until_final(client, id)


#: Code that is not taken at all.
REFUSED = {
    "syntax error": "def calculate(:\n",
    "no function": "x = 1\n",
    "nothing": "",
    "blocked import": "import os\n\ndef calculate() -> dict:\n    return {}\n",
    "blocked import within": "def calculate() -> dict:\n    import subprocess\n    return {}\n",
    "blocked import from": "from sys import exit\n\ndef calculate() -> dict:\n    return {}\n",
    "eval": "def calculate() -> dict:\n    return eval('{}')\n",
    "dunder import": "def calculate() -> dict:\n    return __import__('os')\n",
    "a NUL": "def calculate() -> dict:\n    return {}\n\0",
    "deep parentheses": "x = " + "(" * 5_000 + ")" * 5_000 + "\ndef calculate() -> dict:\n    return {}\n",
    "deep operators": "x = " + "-" * 50_000 + "1\ndef calculate() -> dict:\n    return {}\n",
    "deep blocks": "".join(" " * i + "if 1:\n" for i in range(200)) + " " * 200 + "pass\n",
}


@pytest.mark.parametrize("what", REFUSED)
def test_code_that_is_refused(client, what):
    body = {"name": "refused", "code": REFUSED[what]}
    check_problem(client.post("/api/functions", json=body), 422)
    check_problem(client.post("/api/tasks", json=body | {"inputs": {}}), 422)


#: Code that is taken, and fails when it is called: with which kinds.
FAILS = {
    "raises": ("    raise ValueError('no')\n", {"exception"}),
    "raises a large text": ("    raise ValueError('x' * 10_000_000)\n", {"exception"}),
    "exits": ("    raise SystemExit(0)\n", {"exception", "process_exit", "exit"}),
    "an infinite loop": ("    while True:\n        pass\n", {"timeout"}),
    "an infinite recursion": ("    return calculate()\n", {"exception"}),
    "sleeps": ("    import time\n    time.sleep(100)\n", {"timeout"}),
    "catches everything": (
        "    while True:\n        try:\n            while True: pass\n"
        "        except BaseException: pass\n", {"timeout"}),
    "takes all memory": ("    x = []\n    while True:\n        x.append(bytearray(1 << 24))\n",
                         {"memory_exceeded", "exception"}),
    "takes memory at once": ("    return {'n': len(b'x' * (1 << 31))}\n",
                             {"memory_exceeded", "exception"}),
    "a long computation in C": ("    return {'n': len(str(10 ** (10 ** 9)))}\n",
                                {"timeout", "memory_exceeded", "exception"}),
    "a result too large": ("    return {'a': 'x' * (17 << 20)}\n", {"output_too_large"}),
    "too many values": ("    return {'a': [0] * 2_000_000}\n", {"output_too_large", "invalid_outputs",
                                                               "exception"}),
    "a deep result": ("    a = []\n    for _ in range(100_000):\n        a = [a]\n    return {'a': a}\n",
                      {"invalid_outputs", "exception", "output_too_large"}),
    "a result of itself": ("    a = {}\n    a['a'] = a\n    return a\n",
                           {"invalid_outputs", "exception"}),
    "a result that is none": ("    return {'a': object()}\n", {"invalid_outputs", "exception"}),
    "a huge integer": ("    return {'a': 10 ** 100_000}\n", {"invalid_outputs", "exception"}),
    "NaN": ("    return {'a': float('nan')}\n", {"invalid_outputs", "exception"}),
    "infinity": ("    return {'a': float('inf')}\n", {"invalid_outputs", "exception"}),
    "a lone surrogate": ("    return {'a': '\\ud800'}\n", {"invalid_outputs", "exception"}),
    "a surrogate raised": ("    raise ValueError('\\ud800\\x00')\n", {"exception"}),
}


@pytest.mark.parametrize("what", FAILS)
def test_code_that_fails(client, what):
    body, kinds = FAILS[what]
    task = run(client, "def calculate() -> dict:\n" + body)
    assert task["state"] == "failed", task
    assert task["error"]["kind"] in kinds, task["error"]
    assert len(task["error"]["message"]) < 100_000
    assert task.get("result") is None


@pytest.mark.parametrize("at_import", ["while True:\n    pass\n", "raise ValueError('no')\n",
                                       "x = bytearray(1 << 31)\n", "raise SystemExit(0)\n"],
                         ids=lambda one: one.split("\n")[0])
def test_code_that_fails_at_import(client, at_import):
    """Its import takes no longer than the call may; a deploy's has a limit of its own."""
    code = at_import + "\ndef calculate() -> dict:\n    return {}\n"
    body = {"name": "import", "code": code, "inputs": {}, "timeout": 2}
    started = time.monotonic()
    made = client.post("/api/tasks", json=body)
    if made.status_code != 201:
        check_problem(made, 422)
    else:
        assert run(client, code, timeout=2)["state"] == "failed"
    assert time.monotonic() - started < 15
    answer = client.post("/api/functions", json={"name": "import", "code": code},
                         headers={"prefer": "wait=80"})
    problem = check_problem(answer, 422)
    assert problem["type"].endswith("invalid-package")


def test_a_huge_print_is_cut(client):
    code = ("def calculate() -> dict:\n    for i in range(200):\n        print('x' * 100_000)\n"
            "    print(end='\\ud800\\x00')\n    return {'done': True}\n")
    task = run(client, code)
    logs = client.get(f"/api/tasks/{task['id']}/logs")
    assert logs.status_code == 200 and logs.json()["truncated"] is True
    assert len(logs.content) < 4 * 1024 * 1024
    assert task["state"] in ("completed", "failed")


def test_many_prints_and_progress_are_bounded(client):
    code = ("import mecapy\n\ndef calculate() -> dict:\n    for i in range(100_000):\n"
            "        print(i)\n        mecapy.progress(i / 100_000, str(i))\n    return {}\n")
    task = run(client, code, timeout=20)
    assert task["state"] == "completed", task
    assert len(client.get(f"/api/tasks/{task['id']}/logs").content) < 16 * 1024 * 1024
    assert len(client.get(f"/api/tasks/{task['id']}/events").content) < 32 * 1024 * 1024


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a//b", "x" * 600, "a\\x00b", ""])
def test_files_written_outside(client, key):
    code = (f"import mecapy\n\ndef calculate() -> dict:\n"
            f"    with mecapy.files.open('{key}', 'w') as file:\n        file.write('x')\n    return {{}}\n")
    assert run(client, code)["state"] == "failed"
