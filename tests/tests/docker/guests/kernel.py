"""Asks the kernel for what a call may not have: answers with what it was given."""

import ctypes
import os
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"

# Numbers of system calls that the C library may not know: of x86-64, and of aarch64.
NUMBERS = {
    "pivot_root": (155, 41),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "sethostname": (170, 161),
    "settimeofday": (164, 170),
    "open_by_handle_at": (304, 265),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "mount_setattr": (442, 442),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "move_mount": (429, 429),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "clone3": (435, 435),
}


def calculate(inputs):
    return globals()[inputs["do"]](inputs)


def ask(name, *arguments):
    """The kernel's answer; -1 is a refusal."""
    number = NUMBERS[name][0 if X86 else 1]
    return libc.syscall(ctypes.c_long(number), *(ctypes.c_long(x) if isinstance(x, int) else x for x in arguments))


def identity(inputs):
    """Who the process is, and what it may do."""
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    names = ["Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"]
    return {name: status[name] for name in names} | {"groups": os.getgroups()}


def privileges(inputs):
    """Everything that only a privileged process may do."""
    given = []

    def refused(name, answer):
        if answer != -1:
            given.append(name)

    for name, flag in [("user", 0x10000000), ("mount", 0x20000), ("network", 0x40000000), ("pid", 0x20000000)]:
        refused("unshare " + name, libc.unshare(flag | 0x10000000 if name != "user" else flag))
        refused("unshare only " + name, libc.unshare(flag))
    for folder in ["/tmp", "/mnt", "/proc"]:
        refused("mount tmpfs", libc.mount(b"none", folder.encode(), b"tmpfs", 0, None))
        refused("mount proc", libc.mount(b"none", folder.encode(), b"proc", 0, None))
        refused("bind", libc.mount(b"/", folder.encode(), None, 4096, None))
        refused("remount", libc.mount(None, folder.encode(), None, 32, None))
    refused("remount root", libc.mount(None, b"/", None, 32, None))
    refused("umount", libc.umount2(b"/proc/kcore", 2))
    refused("umount sys", libc.umount2(b"/sys", 2))
    refused("chroot", libc.chroot(b"/tmp"))
    refused("setuid", libc.setuid(0))
    refused("setresuid", libc.setresuid(0, 0, 0))
    refused("setgid", libc.setgid(0))
    refused("setgroups", libc.setgroups(1, ctypes.byref(ctypes.c_int(0))))
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    refused("setns", ask("setns", own, 0))
    text = ctypes.create_string_buffer(b"mecapy")
    room = ctypes.create_string_buffer(256)
    refused("pivot_root", ask("pivot_root", text, text))
    refused("add_key", ask("add_key", ctypes.c_char_p(b"user"), text, text, 6, -3))
    refused("request_key", ask("request_key", ctypes.c_char_p(b"user"), text, None, -3))
    for keyring in (-1, -2, -3, -4, -5):
        refused("keyctl", ask("keyctl", 0, keyring, 1))
    refused("bpf", ask("bpf", 0, room, 128))
    refused("perf_event_open", ask("perf_event_open", room, 0, -1, -1, 0))
    refused("init_module", ask("init_module", room, 256, text))
    refused("finit_module", ask("finit_module", own, text, 0))
    refused("kexec_load", ask("kexec_load", 0, 0, None, 0))
    refused("reboot", ask("reboot", 0xFEE1DEAD, 672274793, 0, None))
    refused("swapon", ask("swapon", ctypes.c_char_p(b"/tmp/swap"), 0))
    refused("sethostname", ask("sethostname", text, 6))
    refused("settimeofday", ask("settimeofday", room, None))
    refused("open_by_handle_at", ask("open_by_handle_at", own, room, 0))
    refused("userfaultfd", ask("userfaultfd", 1))
    refused("io_uring_setup", ask("io_uring_setup", 8, room))
    refused("fsopen", ask("fsopen", ctypes.c_char_p(b"tmpfs"), 0))
    refused("open_tree", ask("open_tree", -100, ctypes.c_char_p(b"/"), 1))
    refused("acct", ask("acct", ctypes.c_char_p(b"/tmp/acct")))
    refused("clone3", ask("clone3", room, 8))
    return given


def setuid_programs(inputs):
    """Runs programs that would run as root: whether any did."""
    given = []
    for command in [
        ["su", "-c", "id -u"],
        ["su", "root", "-c", "id -u"],
        ["mount", "-t", "tmpfs", "none", "/tmp"],
        ["umount", "-l", "/sys"],
        ["chsh", "-s", "/bin/sh", "root"],
        ["newgrp", "root", "-c", "id -g"],
    ]:
        try:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError):
            continue
        if ended.returncode == 0 and ended.stdout.strip() in (b"", b"0"):
            given.append(command)
    return given


def others(inputs):
    """Reaches into the other processes of the container, process 1 first."""
    given = []
    me = os.getpid()
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != me]
    room = ctypes.create_string_buffer(64)

    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    here = Piece(ctypes.addressof(room), 64)
    for pid in sorted(set(pids) | {1}):
        for name in ["mem", "environ", "maps", "exe", "cwd", "root", "fd", "map_files", "syscall", "auxv", "io"]:
            path = f"/proc/{pid}/{name}"
            try:
                if name in ("exe", "cwd", "root"):
                    os.readlink(path)
                elif name in ("fd", "map_files"):
                    os.listdir(path)
                else:
                    with open(path, "rb") as file:
                        if name == "maps" and not file.read():
                            continue
            except OSError:
                continue
            given.append(path)
        for fd in range(0, 256):
            for flags in (os.O_RDONLY, os.O_WRONLY):
                try:
                    os.close(os.open(f"/proc/{pid}/fd/{fd}", flags | os.O_NONBLOCK))
                except OSError:
                    continue
                given.append(f"/proc/{pid}/fd/{fd}")
        for name in ["mem", "oom_score_adj", "coredump_filter", "clear_refs", "comm", "autogroup"]:
            try:
                os.close(os.open(f"/proc/{pid}/{name}", os.O_WRONLY))
            except OSError:
                continue
            given.append(f"write /proc/{pid}/{name}")
        there = Piece(0x400000, 64)
        answers = {
            "attach": ask("ptrace", 16, pid, 0, 0),
            "seize": ask("ptrace", 0x4206, pid, 0, 0),
            "read": ask("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0),
            "write": ask("process_vm_writev", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0),
            "kcmp": ask("kcmp", pid, me, 0, 0, 0),
        }
        given += [f"{name} {pid}" for name, answer in answers.items() if answer != -1]
        handle = ask("pidfd_open", pid, 0)
        if handle != -1:
            if any(ask("pidfd_getfd", handle, fd, 0) != -1 for fd in range(256)):
                given.append(f"descriptor of {pid}")
            if ask("pidfd_send_signal", handle, 0, None, 0) != -1:
                given.append(f"signal to {pid}")
        for number in (0, 9, 15, 19):
            for target in (pid, -pid, -1):
                try:
                    os.kill(target, number)
                except OSError:
                    continue
                given.append(f"signal {number} to {target}")
    return given
