"""Looks for files of the host's and for places that can be written to: answers with what it found."""

import os
import stat
import subprocess

# Where calls may write, or what anybody may write to.
OPEN = ("/tmp", "/dev/shm", "/dev/mqueue", "/proc/self", "/proc/thread-self", "/dev/pts")
DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "stdin", "stdout", "stderr", "fd", "core"}


def calculate(inputs):
    return globals()[inputs["do"]](inputs)


def read(inputs):
    """Reads files of the host's, by all ways round."""
    found = []
    for path in inputs["paths"]:
        for way in ["", "/proc/1/root", "/proc/self/root/../..", "/proc/1/cwd/../../..", "/../../.."]:
            try:
                with open(way + path, "rb") as file:
                    found.append([way + path, file.read(100).decode("utf-8", "replace")])
            except OSError:
                pass
    return found


def writable(inputs):
    """Every place that can be written to, by what the kernel says and by trying."""
    found = []
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            # Numbered folders of /proc are processes: those of others are tried elsewhere.
            folders[:] = [name for name in folders if name != "proc"]
        folders[:] = [name for name in folders if not _is_open(os.path.join(folder, name))]
        for name in files:
            path = os.path.join(folder, name)
            if folder == "/dev" and name in DEVICES:
                continue
            if not os.path.islink(path) and os.access(path, os.W_OK) and _can_be_opened(path):
                found.append(path)
        if os.access(folder, os.W_OK) and _can_hold(folder):
            found.append(folder)
    for folder, folders, files in os.walk("/proc/sys"):
        for name in files:
            path = os.path.join(folder, name)
            if os.access(path, os.W_OK) and _can_be_opened(path):
                found.append(path)
    for path in ["/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/irq", "/proc/bus", "/proc/fs"]:
        if os.access(path, os.W_OK):
            found.append(path)
    return found


def _is_open(path):
    return path in OPEN


def _can_be_opened(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _can_hold(folder):
    path = os.path.join(folder, ".mecapy-was-here")
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except OSError:
        return False
    os.unlink(path)
    return True


def mounts(inputs):
    """What of the machine's disks is mounted here so that it can be written to."""
    found = []
    with open("/proc/self/mountinfo") as table:
        for line in table:
            before, _, after = line.partition(" - ")
            place, options = before.split()[4:6]
            kind = after.split()[0]
            in_memory = kind in ("tmpfs", "proc", "devpts", "mqueue", "sysfs", "cgroup", "cgroup2")
            if "rw" in options.split(",") and not in_memory:
                found.append([kind, place, options])
            if place in ("/tmp", "/dev/shm") and "noexec" not in options.split(","):
                found.append([kind, place, options])
    return found


def devices(inputs):
    """Devices of the machine, there or made."""
    found = []
    for folder, _, files in os.walk("/dev"):
        for name in files:
            mode = os.lstat(os.path.join(folder, name)).st_mode
            if stat.S_ISBLK(mode):
                found.append(name)
            elif stat.S_ISCHR(mode) and folder == "/dev" and name not in DEVICES:
                found.append(name)
    with open("/proc/partitions") as table:
        numbers = [line.split() for line in table.read().splitlines()[2:]]
    for major, minor, _, name in numbers:
        for kind in (stat.S_IFBLK, stat.S_IFCHR):
            try:
                os.mknod("/tmp/" + name, kind | 0o666, os.makedev(int(major), int(minor)))
                found.append("made " + name)
            except OSError:
                pass
    return found


def run_from_tmp(inputs):
    """Runs what it wrote itself."""
    ran = []
    for folder in ("/tmp", "/dev/shm"):
        script, program = folder + "/script", folder + "/program"
        with open(script, "w") as file:
            file.write("#!/bin/sh\nexit 0\n")
        with open(program, "wb") as file, open("/bin/true", "rb") as true:
            file.write(true.read())
        for path in (script, program):
            os.chmod(path, 0o4755)
            try:
                subprocess.run([path], check=True)
                ran.append(path)
            except (OSError, subprocess.SubprocessError):
                pass
        import ctypes
        import shutil

        library = folder + "/library.so"
        shutil.copy(_a_library(), library)
        try:
            ctypes.CDLL(library)
            ran.append(library)
        except OSError:
            pass
    return ran


def _a_library():
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if "libc.so" in path or "libm.so" in path:
                return path
    raise AssertionError("no library is mapped")


def environment(inputs):
    """All that the process was told from outside."""
    import sys

    with open("/proc/self/environ", "rb") as file:
        first = [entry.decode().partition("=")[0] for entry in file.read().split(b"\0") if entry]
    return {
        "now": dict(os.environ),
        "first": first,
        "arguments": [argument for argument in sys.argv if argument],
        "name": os.uname().nodename,
    }


def fill(inputs):
    """Fills a folder with bytes and with entries; how much went in."""
    folder = inputs["folder"]
    size = entries = 0
    try:
        with open(folder + "/large", "wb", buffering=0) as file:
            while size < inputs["most"]:
                size += file.write(bytes(1 << 20))
    except OSError:
        pass
    try:
        os.unlink(folder + "/large")
        os.mkdir(folder + "/many")
        while entries < 100_000:
            os.close(os.open(f"{folder}/many/{entries}", os.O_CREAT | os.O_WRONLY))
            entries += 1
    except OSError:
        pass
    return [size, entries]
