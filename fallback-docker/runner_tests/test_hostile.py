"""Calls that do what they can to the runner: each hurts itself, and the next one runs."""


import pytest

# How a call finds the pipe that it speaks through, as any hostile one could.
FIND = """
        import gc, json, os, sys
        def pipe():
            channels = [x for x in gc.get_objects() if type(x).__name__ == "Channel"]
            return channels[0]._out
        def frame(kind, body):
            return len(body).to_bytes(4, "big") + kind + body
        def say(message, data=None):
            out = frame(b"J", json.dumps(message).encode())
            out += b"" if data is None else frame(b"B", data)
            while out:
                out = out[os.write(pipe(), out):]
        def wait():
            while True: pass
"""


def hostile(host, body, before=""):
    """Prepares a handler that behaves well if its inputs say so, and else does `body`."""
    lines = "\n".join("            " + line for line in body.strip().splitlines())
    text = f"""{FIND}
        {before}
        def calculate(inputs):
            if inputs.get("good"):
                return "good"
{lines}
        """
    host.prepare(files=text)


def still_works(host):
    assert host.value({"good": True}) == "good"
    assert list(host.tmp.iterdir()) == []


FORGED = {
    "an unknown kind": "os.write(pipe(), frame(b'X', b'{}')); wait()",
    "an unknown type": "say({'type': 'ready'}); wait()",
    "an idle": "say({'type': 'idle', 'cpu_ms': 0}); wait()",
    "no JSON": "os.write(pipe(), frame(b'J', b'{')); wait()",
    "no UTF-8": "os.write(pipe(), frame(b'J', bytes([255]))); wait()",
    "no object": "os.write(pipe(), frame(b'J', b'[]')); wait()",
    "bytes alone": "os.write(pipe(), frame(b'B', b'x')); wait()",
    "nested too deep": "os.write(pipe(), frame(b'J', b'[' * 50000)); wait()",
    "a huge frame": "os.write(pipe(), (1 << 31).to_bytes(4, 'big') + b'J'); wait()",
    "a huge result": "os.write(pipe(), frame(b'J', b'{\"type\":\"outcome\",\"ok\":true,\"bytes\":true}')"
    " + (1 << 31).to_bytes(4, 'big') + b'B'); wait()",
    "a result over its limit": "say({'type': 'outcome', 'ok': True, 'bytes': True}, b'9' * 2000); wait()",
    "a result without bytes": "say({'type': 'outcome', 'ok': True}); wait()",
    "a failure without a kind": "say({'type': 'outcome', 'ok': False, 'failure': {}}); wait()",
    "a failure of an unknown kind": "say({'type': 'outcome', 'ok': False, 'failure':"
    " {'kind': 'ended', 'class': '', 'message': ''}}); wait()",
    "violations that are none": "say({'type': 'outcome', 'ok': False, 'failure':"
    " {'kind': 'raised', 'class': '', 'message': '', 'violations': [1]}}); wait()",
    "a value that is no JSON": "say({'type': 'outcome', 'ok': False, 'failure': {'kind': 'raised', 'class':"
    " '', 'message': '', 'violations': [{'pointer': '', 'rule': '', 'message': '', 'value': 1e999}]}}); wait()",
    "an end that it cannot tell": "say({'type': 'outcome', 'ok': False, 'ended': {'status': 0}}); wait()",
    "a log without a level": "say({'type': 'log', 'message': ''}); wait()",
    "a log of a level that is none": "say({'type': 'log', 'level': ['info'], 'message': ''}); wait()",
    "a log without text": "say({'type': 'log', 'level': 'info', 'message': 3}); wait()",
    "a print of another stream": "say({'type': 'print', 'stream': 'x', 'bytes': True}, b'x'); wait()",
    "a print without bytes": "say({'type': 'print', 'stream': 'stdout'}); wait()",
    "progress beyond the end": "say({'type': 'progress', 'fraction': 2, 'message': ''}); wait()",
    "progress that is no number": "say({'type': 'progress', 'fraction': float('nan'), 'message': ''}); wait()",
    "a handle that is none": "say({'type': 'read', 'handle': -1, 'length': 5}); wait()",
    "a read of too much": "say({'type': 'read', 'handle': 1, 'length': 1 << 30}); wait()",
    "a write without bytes": "say({'type': 'write', 'handle': 1}); wait()",
    "a key that is no text": "say({'type': 'open', 'key': None}); wait()",
    "a loading that took no time": "say({'type': 'loaded', 'ms': 'x'}); wait()",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_frames(host, name):
    hostile(host, FORGED[name])
    failure = host.failure(most=1000)
    assert (failure["kind"], failure["class"]) == ("raised", "RuntimeError")
    assert failure["message"].startswith("the call broke the protocol")
    still_works(host)


def test_two_requests_at_once(host):
    hostile(host, "say({'type': 'open', 'key': 'a'})\nsay({'type': 'open', 'key': 'b'})\nwait()")
    host.order({})
    host.expect("open")
    # The second may have been found out before this comes: it is for nobody then.
    outcome = host.expect("outcome")
    assert "while another is under way" in outcome["failure"]["message"]
    host.send({"type": "refused", "kind": "not_found", "message": ""})
    host.expect("idle")
    still_works(host)


def test_only_the_first_outcome_counts(host):
    hostile(
        host,
        "for i in range(3):\n    say({'type': 'outcome', 'ok': True, 'bytes': True}, str(i).encode())\nreturn 9",
    )
    assert host.value() == 0
    still_works(host)


def test_more_in_a_message_than_it_has_is_not_passed_on(host):
    hostile(host, "say({'type': 'log', 'level': 'info', 'message': 'x', 'id': 7, 'stopped': True})\nreturn 1")
    assert host.call()["said"] == [{"type": "log", "level": "info", "message": "x"}]


ENDS = {
    "exit": ("os._exit(3)", {"status": 3}),
    "exit with success": ("os._exit(0)", {"status": 0}),
    "abort": ("os.abort()", {"signal": 6}),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", {"signal": 11}),
    "a signal to itself": ("os.kill(os.getpid(), 9)", {"signal": 9}),
    "a signal to its group": ("os.killpg(0, 15); wait()", {"signal": 15}),
    "an alarm": ("import signal; signal.alarm(1); wait()", {"signal": 14}),
    "processor time": (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1)); wait()",
        {"signal": 9},
    ),
    "a child that keeps the pipes": (
        "import subprocess; subprocess.Popen(['sleep', '600'], close_fds=False, start_new_session=True);"
        " os._exit(4)",
        {"status": 4},
    ),
    "a fork that keeps the pipes": (
        "if os.fork() == 0:\n    [os.set_inheritable(x, True) for x in range(3, 64) if is_open(x)]\n"
        "    wait()\nos._exit(5)",
        {"status": 5},
    ),
    "a daemon": ("if os.fork():\n    os._exit(6)\nos.setsid()\nos.fork()\nos.fork()\nwait()", {"status": 6}),
}


@pytest.mark.parametrize("name", ENDS)
def test_processes_that_end_without_an_answer(host, name):
    body, how = ENDS[name]
    is_open = "def is_open(fd): return os.path.exists(f'/proc/self/fd/{fd}')"
    hostile(host, "print('before', flush=True)\n" + body, before=is_open)
    outcome = host.call()
    assert not outcome["ok"] and not outcome["stopped"] and outcome["ended"] == how, outcome
    assert [x["data"] for x in outcome["said"] if x["type"] == "print"][0] == b"before\n"
    still_works(host)


@pytest.mark.parametrize("body", ["os._exit(7)", "os.kill(os.getpid(), 9)", "print('x' * 300_000); os._exit(7)"])
def test_a_process_that_ends_while_it_imports(host, body):
    host.prepare(files=f"import os\nprint('importing', flush=True)\n{body}\n")
    for _ in range(3):
        outcome = host.call()
        assert outcome["ended"] in ({"status": 7}, {"signal": 9})
        assert outcome["said"][0]["data"].startswith(b"importing\n")


CLOSED = {
    "everything": "os.closerange(0, 1024); wait()",
    "what it speaks through": "os.close(pipe()); wait()",
    "everything, and sleeps": "import time; os.closerange(0, 1024); time.sleep(600)",
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_pipes(host, name):
    hostile(host, CLOSED[name])
    assert "broke the protocol" in host.failure()["message"]
    still_works(host)


def test_closed_standard_streams_hurt_nobody(host):
    hostile(host, "os.closerange(0, 3); return 'fine'")
    assert host.value() == "fine"
    still_works(host)


def test_standard_streams_that_are_replaced(host):
    hostile(host, "sys.stdout = sys.stderr = None; return 'fine'")
    assert host.value() == "fine"
    still_works(host)


def test_a_forked_process_that_comes_back_says_nothing(host):
    hostile(host, "pid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\nreturn 'child' if pid == 0 else 'parent'")
    for _ in range(3):
        assert host.value() == "parent"
    still_works(host)


def test_a_forked_process_prints_and_logs_to_standard_streams(host):
    body = """
import mecapy
pid = os.fork()
if pid == 0:
    print("printed"); mecapy.log("logged")
    try: mecapy.files.read("a")
    except OSError as error: print(error)
    os._exit(0)
os.waitpid(pid, 0)
"""
    hostile(host, body)
    said = host.call()["said"]
    printed = b"".join(x["data"] for x in said)
    assert b"printed" in printed and b"logged" in printed and b"own process" in printed
    still_works(host)


def test_what_is_left_running_is_ended_and_counted(host):
    body = """
import subprocess, threading
for _ in range(5):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
threading.Thread(target=wait, daemon=False).start()
return "left"
"""
    hostile(host, body)
    outcome = host.call()
    assert outcome["value"] == "left" and outcome["idle"]["swept"] == 5
    still_works(host)


def test_a_fork_bomb_is_ended(host):
    # Bounded by itself here; by the limit of processes in a container.
    body = """
import signal
own, (read, written) = os.getpid(), os.pipe()
for _ in range(5):
    os.fork()
os.write(written, b".")
if os.getpid() != own:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.setpgid(0, 0)
    wait()
there = 0
while there < 32:
    there += len(os.read(read, 32))
return "bomb"
"""
    hostile(host, body)
    outcome = host.call()
    assert outcome["value"] == "bomb" and outcome["idle"]["swept"] == 31
    still_works(host)


def test_hooks_at_exit_do_not_run(host):
    hostile(host, "import atexit; atexit.register(print, 'at exit'); return 1")
    assert host.call()["said"] == []


def test_it_cannot_reach_other_processes_of_the_runner(host):
    # Never `kill(-1)` here: were it not refused, it would end this machine's processes.
    body = """
import ctypes, signal
libc = ctypes.CDLL(None, use_errno=True)
parent, found = os.getppid(), []
for what in (lambda: os.kill(parent, 9), lambda: os.killpg(parent, 9),
             lambda: os.sched_setaffinity(parent, {0}),
             lambda: __import__("resource").prlimit(parent, 7, (0, 0))):
    try:
        what()
        found.append("done")
    except OSError as error:
        found.append(error.errno)
found.append(libc.ptrace(16, parent, 0, 0))
return found
"""
    hostile(host, body)
    assert host.value() == [1, 1, 1, 1, -1]
    still_works(host)


def test_names_that_are_replaced_change_nothing_of_the_outcome(host):
    body = """
import builtins
json.dumps = json.loads = os.write = os.writev = None
builtins.len = builtins.type = builtins.isinstance = None
return {"x": [1, "é"]}
"""
    hostile(host, body)
    outcome = host.call()
    assert outcome["ok"] in (True, False)
    still_works(host)


def test_files_that_resist(host):
    body = f"""
import stat
tmp = {str(host.tmp)!r}
for at in range(300):
    os.mkdir(f"{{tmp}}/{{at}}")
    for name in ("x", "y", ".z"):
        open(f"{{tmp}}/{{at}}/{{name}}", "w").close()
os.chdir(tmp)
for _ in range(1500):
    os.mkdir("d"); os.chdir("d")
os.symlink("/", "root"); os.symlink(tmp, "top"); os.mkfifo("pipe")
os.chmod(".", 0); os.chmod(tmp + "/1", 0); os.chmod(tmp, 0o100)
return 1
"""
    hostile(host, body)
    assert host.value() == 1
    still_works(host)
