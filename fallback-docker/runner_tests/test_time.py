"""Stopping, deadlines, floods, and a host that reads slowly."""

import os
import statistics
import time

import pytest
from conftest import SOON

LOOP = """
        import mecapy, os, sys, threading
        def calculate(inputs):
            if inputs.get("good"):
                return "good"
            mecapy.log("here")
            if inputs.get("loop") == "log":
                while True: mecapy.log("x" * 100)
            if inputs.get("loop") == "progress":
                while True: mecapy.progress(0.5, "")
            if inputs.get("loop") == "print":
                while True: print("x" * 100)
            if inputs.get("loop") == "raw":
                while True: os.write(1, b"x" * 100_000)
            if inputs.get("loop") == "error":
                while True: os.write(2, b"x")
            if inputs.get("loop") == "large":
                while True: mecapy.log("x" * 1_000_000)
            if inputs.get("loop") == "threads":
                for _ in range(8):
                    threading.Thread(target=lambda: [print("x" * 100) for _ in iter(int, 1)]).start()
            if inputs.get("loop") == "fork":
                os.fork() or os.fork()
            if inputs.get("loop") == "blocked":
                mecapy.files.read("never")
            while True: pass
"""
LOOPS = ("quiet", "log", "progress", "print", "raw", "error", "large", "threads", "fork", "blocked")


def read_until_outcome(host):
    while True:
        message, _ = host.receive()
        if message["type"] == "outcome":
            return message


@pytest.mark.parametrize("loop", LOOPS)
def test_stop(host, loop):
    host.prepare(files=LOOP)
    for _ in range(2):
        host.order({"loop": loop})
        host.expect("log")
        for _ in range(20 if loop in ("log", "print", "raw", "large") else 0):
            host.receive()
        if loop == "blocked":
            host.expect("open")
        host.send({"type": "stop"})
        assert read_until_outcome(host) == {
            "type": "outcome",
            "ok": False,
            "ended": {"signal": 9},
            "stopped": True,
        }
        host.expect("idle")
        assert host.value({"good": True}) == "good"


def test_an_answer_that_comes_after_a_stop_is_for_nobody(host):
    host.prepare(files=LOOP)
    host.order({"loop": "blocked"})
    host.expect("log")
    host.expect("open")
    host.send({"type": "stop"})
    host.send({"type": "opened", "handle": 1})
    assert read_until_outcome(host)["stopped"]
    host.expect("idle")
    assert host.value({"good": True}) == "good"


def test_stop_at_once(host):
    host.prepare(files=LOOP)
    for deterministic in (False, True, True, False):
        host.order({}, deterministic=deterministic)
        host.send({"type": "stop"})
        assert read_until_outcome(host)["stopped"]
        host.expect("idle")
        assert host.value({"good": True}, deterministic=deterministic) == "good"


def test_stop_while_the_handler_is_imported(host):
    host.prepare(files="while True: pass\n")
    host.order()
    host.send({"type": "stop"})
    assert read_until_outcome(host)["stopped"]
    host.expect("idle")


def test_a_call_is_stopped_when_its_time_is_long_over(host):
    host.prepare(files=LOOP)
    begun = time.monotonic()
    host.order({}, timeout_ms=200)
    assert read_until_outcome(host)["stopped"]
    assert 1.2 <= time.monotonic() - begun < SOON
    host.expect("idle")


@pytest.mark.parametrize("loop", ["log", "print", "raw", "large"])
def test_stop_with_a_host_that_does_not_read(host, loop):
    """The runner keeps little of what nobody reads, and still hears a stop."""
    host.prepare(files=LOOP)
    host.order({"loop": loop})
    host.expect("log")
    # Until the call waits for the runner, and the runner for the host.
    wait_until(lambda: backlog_is_full(host))
    host.send({"type": "stop"})
    # The call ends although nothing is read: all of its processes are gone but the next one's.
    wait_until(lambda: len(descendants(host.process.pid)) == 2 and not is_busy(host))
    assert read_until_outcome(host)["stopped"]
    host.expect("idle")
    assert peak_memory(host.process.pid) < 128 << 20
    assert host.value({"good": True}) == "good"


def wait_until(condition):
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def is_busy(host):
    """Whether the call's process, the youngest, is the one that runs the loop."""
    with open(f"/proc/{max(descendants(host.process.pid))}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return fields[0] == "R"


def backlog_is_full(host):
    """Whether the runner does nothing, over two looks: everything waits for the host."""
    before = [ticks(pid) for pid in (host.process.pid, *descendants(host.process.pid))]
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        os.sched_yield()
    return before == [ticks(pid) for pid in (host.process.pid, *descendants(host.process.pid))]


def ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return fields[11], fields[12]


def descendants(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in map(int, file.read().split()):
                found += [child, *descendants(child)]
    return found


def peak_memory(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


def test_a_host_that_reads_slowly_gets_everything(host):
    text = """
        import mecapy
        def calculate(inputs):
            for at in range(3_000):
                mecapy.log(str(at)) if at % 2 else print(at)
            return "x" * 5_000_000
        """
    host.prepare(files=text)
    host.order()
    said, data = [], None
    while data is None:
        message, data_of = host.receive()
        if message["type"] == "outcome":
            data = data_of
        elif message["type"] == "log":
            said.append(int(message["message"]))
        else:
            said += map(int, data_of.split())
    assert said == list(range(3_000)) and len(data) == 5_000_002
    host.expect("idle")


@pytest.mark.parametrize("loops", [False, True])
def test_a_process_that_waits_long_for_its_call_is_halted(make_host, loops):
    host = make_host(MECAPY_RUNNER_REST_SECONDS="0.5")
    host.prepare(files=f"while {loops}: pass\ndef calculate(inputs):\n    return 1\n")
    for _ in range(2):
        wait_until(lambda: any(is_halted(pid) for pid in descendants(host.process.pid)))
        host.order()
        if loops:
            host.send({"type": "stop"})
        outcome = read_until_outcome(host)
        assert outcome["ok"] or outcome["stopped"]
        host.expect("idle")


def is_halted(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def test_an_outcome_does_not_wait_for_what_still_runs(host):
    text = """
        import subprocess, threading
        def forever():
            while True: print("still here")
        def calculate(inputs):
            threading.Thread(target=forever).start()
            subprocess.Popen(["sleep", "600"])
            return 1
        """
    host.prepare(files=text)
    begun = time.monotonic()
    for _ in range(3):
        assert host.value() == 1
    assert time.monotonic() - begun < SOON


def test_how_long_a_call_takes(host, capsys):
    """Tells, and asserts nothing: machines differ."""
    text = "def calculate(a: float, b: float = 2.0):\n    return {'sum': a + b}\n"
    host.prepare(files=text)
    taken, whole = [], []
    for _ in range(100):
        begun = time.perf_counter()
        host.order({"a": 1})
        _, outcome, _ = host.outcome()
        taken.append(1e3 * (time.perf_counter() - begun))
        host.expect("idle")
        whole.append(1e3 * (time.perf_counter() - begun))
        assert outcome["ok"]
    with capsys.disabled():
        print(f" call {statistics.median(taken):.2f} ms, to idle {statistics.median(whole):.2f} ms ", end="")
