"""Leaves traces wherever a process can leave any, and looks for those of others."""

import builtins
import ctypes
import decimal
import json
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import time

import mecapy

libc = ctypes.CDLL(None, use_errno=True)
KEY = 0x6D656361
STATE = []


def calculate(inputs):
    return globals()[inputs["do"]](inputs)


def look(inputs):
    """All that there is to be seen of calls before this one: nothing, they say."""
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    return {
        "globals": len(STATE),
        "function": getattr(calculate, "mark", None),
        "modules": [getattr(module, "mark", None) for module in (json, builtins, mecapy, mecapy.log)],
        "imported": sorted(name for name in sys.modules if "mark" in name),
        "path": [entry for entry in sys.path if "tmp" in entry],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "files": {folder: _all_below(folder) for folder in ("/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run")},
        "mask": _mask(),
        "precision": decimal.getcontext().prec,
        "recursion": sys.getrecursionlimit(),
        "level": logging.getLogger().level,
        "switching": sys.getswitchinterval(),
        "temporary": tempfile.tempdir,
        "locale": locale.setlocale(locale.LC_ALL),
        "threads": [thread.name for thread in threading.enumerate()],
        "tasks": len(os.listdir("/proc/self/task")),
        "processes": len(pids),
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)],
        "blocked": [str(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
        "priority": [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
        "descriptors": sorted(_kind(fd) for fd in os.listdir("/proc/self/fd")),
        "memory": [libc.shmget(KEY, 0, 0), libc.semget(KEY, 0, 0), libc.msgget(KEY, 0)],
        "tables": [_lines("/proc/sysvipc/" + name) for name in ("shm", "sem", "msg")],
        "listening": _listening(),
        "drawn": random.random() == random.Random(7).random(),
        "secret": _finds_secret(inputs.get("secret")),
    }


def leave(inputs):
    """Leaves everything, and ends as it is told to."""
    secret = "".join(inputs["secret"])
    STATE.append(secret)
    calculate.mark = json.mark = builtins.mark = mecapy.mark = secret
    type(mecapy.log).mark = secret
    sys.modules["marked"] = sys
    sys.path.insert(0, "/tmp")
    os.environ["MARK"] = secret
    for folder in ("/tmp", "/dev/shm"):
        os.makedirs(folder + "/.deep" + "/d" * 50)
        with open(folder + "/handler.py", "w") as file:
            file.write(secret * 1000)
        os.symlink("/etc", folder + "/link")
        os.mkfifo(folder + "/fifo")
        os.mkdir(folder + "/closed")
        with open(folder + "/closed/inner", "w") as file:
            file.write(secret)
        os.chmod(folder + "/closed", 0)
    os.chmod("/tmp/handler.py", 0)
    os.chdir("/tmp")
    decimal.getcontext().prec = 3
    sys.setrecursionlimit(5000)
    logging.getLogger().setLevel(7)
    sys.setswitchinterval(1)
    tempfile.tempdir = "/dev"
    random.seed(7)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    os.setpriority(os.PRIO_PROCESS, 0, 5)
    shared = libc.shmget(KEY, 1 << 16, 0o1666)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    where = libc.shmat(shared, None, 0)
    ctypes.memmove(where, secret.encode(), len(secret))
    libc.semget(KEY, 5, 0o1666)
    libc.msgget(KEY, 0o1666)
    libc.mq_open(b"/mecapy", os.O_CREAT | os.O_RDWR, 0o666, None)
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    _daemons(inputs["daemons"])
    os.umask(0o777)
    if inputs["end"] == "wait":
        print("left", flush=True)
        time.sleep(600)
    if inputs["end"] == "exit":
        os._exit(1)
    if inputs["end"] == "raise":
        raise RuntimeError(secret)
    return "left"


def _daemons(count):
    """Processes that nobody is the parent of, in sessions of their own, that hold what there is."""
    for number in range(count):
        if os.fork():
            continue
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        listener = socket.create_server(("127.0.0.1", 5000 + number))
        named = socket.socket(socket.AF_UNIX)
        named.bind("\0mecapy-%d" % number)
        while True:
            try:
                with open("/tmp/alive", "a") as file:
                    file.write("x")
            except OSError:
                pass
            time.sleep(0.001)


def _all_below(folder):
    return [os.path.join(found, name) for found, folders, files in os.walk(folder) for name in folders + files]


def _mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _kind(fd):
    try:
        return os.readlink("/proc/self/fd/" + fd).split(":")[0]
    except OSError:  # that of the listing itself
        return ""


def _lines(path):
    try:
        with open(path) as table:
            return len(table.readlines()) - 1
    except OSError:
        return 0


def _listening():
    found = []
    for number in range(8):
        for address in (("127.0.0.1", 5000 + number), "\0mecapy-%d" % number):
            kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
            with socket.socket(kind) as tried:
                if tried.connect_ex(address) == 0:
                    found.append(str(address))
    return found


def _finds_secret(halves):
    """Whether the process's memory has both halves in one piece: only `leave` puts them together."""
    if not halves:
        return None
    first, second = (half.encode() for half in halves)
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            area, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            begin, end = (int(x, 16) for x in area.split("-"))
            try:
                memory.seek(begin)
                found = memory.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            at = found.find(first)
            while at >= 0:
                at += len(first)
                if found[at : at + len(second)] == second:
                    return line
                at = found.find(first, at)
    return None
