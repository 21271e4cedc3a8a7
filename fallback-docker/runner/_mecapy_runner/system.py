"""System calls that Python has no function for, each tried and its failure told by a bool."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_prctl = _libc.prctl

_SET_DUMPABLE, _SET_NAME, _SET_SECCOMP, _SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS = 4, 15, 22, 36, 38
_SECCOMP_FILTER = 2
_IPC_RMID = 0


def prctl(option, value, other=0):
    return _prctl(ctypes.c_int(option), ctypes.c_ulong(value), other, 0, 0) == 0


def set_dumpable(dumpable):
    """Whether others of this user may trace the process and read its memory."""
    return prctl(_SET_DUMPABLE, int(dumpable))


def adopt_orphans():
    """Makes this process the parent of descendants whose own has ended."""
    return prctl(_SET_CHILD_SUBREAPER, 1)


def set_name(name):
    _prctl(_SET_NAME, ctypes.c_char_p(name), 0, 0, 0)


def flush_c_streams():
    """Writes out what C code has printed, and the C library kept."""
    _libc.fflush(None)


def set_filter(program):
    """Installs a seccomp filter: `program` is the packed instructions."""
    prctl(_SET_NO_NEW_PRIVS, 1)
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    whole = Program(len(program) // 8, ctypes.addressof(code))
    return _prctl(_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(whole), 0, 0) == 0


def remove_ipc():
    """Removes all System V shared memory, semaphores and queues. Only in a namespace of ours."""
    clean = True
    for name in ("shm", "sem", "msg"):
        for number in _listed("/proc/sysvipc/" + name):
            if name == "shm":
                answer = _libc.shmctl(number, _IPC_RMID, None)
            elif name == "sem":
                answer = _libc.semctl(number, 0, _IPC_RMID, 0)
            else:
                answer = _libc.msgctl(number, _IPC_RMID, None)
            clean = clean and answer == 0
    return clean


def _listed(path):
    """The ids in a table of the kernel's, whose second column they are."""
    try:
        with open(path) as table:
            lines = table.readlines()[1:]
    except OSError:  # a kernel without them
        return []
    return [int(line.split()[1]) for line in lines]


def write(path, text):
    """Writes a setting of the kernel's; whether it took it."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, text)
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
