"""The messages outside of calls, and what breaks the protocol from the host's side."""

import json
import struct
import sys

import pytest
from conftest import SOON, Ended

HANDLER = "def calculate(inputs):\n    return inputs\n"


def test_ready_tells_the_version_and_what_was_imported(host):
    ready = host.prepare(
        files=HANDLER, preload=["slow", "absent"], deps={"slow.py": "print('loud')"}
    )
    assert ready["python"] == "%d.%d.%d" % sys.version_info[:3]
    assert ready["preloaded"] == ["slow"]
    assert "loud" in host.stderr() and "absent" in host.stderr()


@pytest.mark.parametrize(
    "text", ["raise SystemExit(3)", "raise KeyboardInterrupt", "1/0", "import nothing_such", "a b"]
)
def test_a_preload_that_fails_is_left_out(host, text):
    ready = host.prepare(files=HANDLER, preload=["broken", "fine"], deps={"broken.py": text, "fine.py": ""})
    assert ready["preloaded"] == ["fine"]
    assert host.value({"a": 1}) == {"a": 1}


def test_a_preload_that_ends_the_process_is_told(host):
    with pytest.raises(AssertionError, match="unclean"):
        host.prepare(files=HANDLER, preload=["deadly"], deps={"deadly.py": "import os; os._exit(3)"})
    assert host.process.wait(SOON) == 1


def test_preloads_come_from_dependencies_not_from_the_package(host):
    ready = host.prepare(files={"handler.py": HANDLER, "evil.py": "print('evil')"}, preload=["evil"])
    assert ready["preloaded"] == []
    assert "evil'" not in host.stderr().replace("named 'evil'", "")


def test_idle_tells_what_the_call_used(host):
    host.prepare(files="def calculate(n: int):\n    return sum(i * i for i in range(n))\n")
    idle = host.call({"n": 1_000_000})["idle"]
    assert idle["cpu_ms"] > 10 and idle["load_ms"] > 0 and idle["swept"] == 0
    assert idle["peak_memory_bytes"] > 1 << 20
    assert set(idle) == {"type", "cpu_ms", "peak_memory_bytes", "load_ms", "swept"}


def test_peak_memory_is_the_calls_own(host):
    host.prepare(files="def calculate(n: int):\n    return len(bytes(range(256)) * (n // 256))\n")
    large = host.call({"n": 100 << 20})["idle"]["peak_memory_bytes"]
    small = host.call({"n": 0})["idle"]["peak_memory_bytes"]
    assert large > 100 << 20 > small


def test_ping_is_answered_before_and_between_calls(host):
    host.prepare(files=HANDLER)
    for _ in range(3):
        host.send({"type": "ping"})
        host.expect("pong")
        host.value()


def test_closing_the_input_ends_the_runner(host):
    host.prepare(files=HANDLER)
    assert host.close() == 0


def test_closing_the_input_ends_a_call_too(host):
    host.prepare(files="import mecapy\ndef calculate(inputs):\n    mecapy.log('here')\n    while True: pass\n")
    host.order()
    host.expect("log")
    assert host.close() == 0


def test_closing_the_input_at_once_ends_the_runner(host):
    host.start()
    assert host.close() == 0


def test_a_stop_without_a_call_does_nothing(host):
    host.prepare(files=HANDLER)
    host.send({"type": "stop"})
    assert host.value({"x": 1}) == {"x": 1}
    host.send({"type": "stop"})
    assert host.value({"x": 2}) == {"x": 2}


def frame(kind, body):
    return struct.pack(">I", len(body)) + kind + body


RUN = {"type": "run", "id": 1, "operation": "call", "deterministic": False}
BAD = {
    "an unknown kind": frame(b"X", b"{}"),
    "too long": struct.pack(">I", (4 << 20) + 1) + b"J",
    "bytes alone": frame(b"B", b"abc"),
    "no JSON": frame(b"J", b"{"),
    "no UTF-8": frame(b"J", b'{"type": "\xff"}'),
    "no object": frame(b"J", b"[1]"),
    "no type": frame(b"J", b"{}"),
    "a type that is no text": frame(b"J", b'{"type": 3}'),
    "nested too deep": frame(b"J", b"[" * 100_000),
    "an unknown type": frame(b"J", b'{"type": "dance"}'),
    "JSON where bytes belong": frame(b"J", b'{"type": "run", "bytes": true}') * 2,
    "too many bytes": frame(b"J", b'{"type": "run", "bytes": true}') + struct.pack(">I", (64 << 20) + 1) + b"B",
    "a run without limits": frame(b"J", json.dumps({**RUN, "bytes": True}).encode()) + frame(b"B", b"{}"),
    "a run without inputs": frame(b"J", json.dumps({**RUN, "timeout_ms": 1, "output_bytes": 1}).encode()),
    "an unknown operation": frame(
        b"J",
        json.dumps({**RUN, "operation": "x", "timeout_ms": 1, "output_bytes": 1, "bytes": True}).encode(),
    )
    + frame(b"B", b"{}"),
    "a second prepare": frame(b"J", b'{"type": "prepare", "preload": []}'),
}


@pytest.mark.parametrize("name", BAD)
def test_a_host_that_breaks_the_protocol_is_left(host, name):
    host.prepare(files=HANDLER)
    host.send_raw(BAD[name])
    with pytest.raises(Ended):
        host.receive()
    assert host.process.wait(SOON) == 2
    assert "the host broke the protocol" in host.stderr()


@pytest.mark.parametrize("text", [b"hello world", frame(b"J", b'{"type": "ping"}'), frame(b"B", b"")])
def test_a_first_message_has_to_prepare(host, text):
    host.start()
    host.send_raw(text)
    with pytest.raises(Ended):
        host.receive()
    assert host.process.wait(SOON) == 2


def test_a_run_during_a_call_breaks_the_protocol(host):
    host.prepare(files="import mecapy\ndef calculate(inputs):\n    mecapy.log('here')\n    while True: pass\n")
    host.order()
    host.expect("log")
    host.order()
    with pytest.raises(Ended):
        while True:
            host.receive()
    assert host.process.wait(SOON) == 2


@pytest.mark.parametrize(
    "answer",
    [{"type": "done"}, {"type": "opened"}, {"type": "opened", "handle": "x"}, {"type": "refused", "kind": "no"}],
)
def test_a_wrong_answer_to_a_request_breaks_the_protocol(host, answer):
    host.prepare(files="import mecapy\ndef calculate(inputs):\n    mecapy.files.read('a')\n")
    host.order()
    host.expect("open")
    host.send(answer)
    with pytest.raises(Ended):
        host.receive()
    assert host.process.wait(SOON) == 2


def test_messages_may_come_in_pieces(host):
    host.prepare(files=HANDLER)
    body = json.dumps({**RUN, "timeout_ms": 60_000, "output_bytes": 99, "bytes": True}).encode()
    for byte in frame(b"J", body) + frame(b"B", b'{"a": 1}'):
        host.send_raw(bytes([byte]))
    said, outcome, data = host.outcome()
    assert (said, data) == ([], b'{"a":1}')
