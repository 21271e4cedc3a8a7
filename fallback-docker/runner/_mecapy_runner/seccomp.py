"""What a call's process may not ask of the kernel, beyond what the container forbids.

Not a wall of its own: it keeps a call from reaching into the nursery, which has the same
user and which, other than process 1, could be killed or slowed down for the calls to come.
"""

import errno
import os
import struct
import sys

from . import system

# Numbers of system calls: of x86-64, and of aarch64.
_FORBIDDEN = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
}
# Those whose first argument names whom they concern.
_AT_SOMEBODY = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
}
# Those whose first argument is a family of addresses.
_OF_A_FAMILY = {"socket": (41, 198), "socketpair": (53, 199)}
# Sockets to the machine that this one is a guest of: no namespace of networks bounds them.
_FORBIDDEN_FAMILIES = (40,)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000

# Offsets in `struct seccomp_data`; the low half of an argument comes first.
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def program(protected):
    """The filter's instructions, or None for an architecture that it does not know.

    `protected` are processes that must not be signalled or slowed down.
    """
    found = _ARCHITECTURES.get(os.uname().machine)
    if found is None or sys.byteorder != "little":
        return None
    column, arch = found
    # -1 is everybody, and a negative number a process group.
    whom = [x & 0xFFFFFFFF for pid in protected for x in (pid, -pid)] + [0xFFFFFFFF]
    lines = [
        # Another architecture's calls have other numbers: none of them is allowed.
        (_LOAD, _ARCH),
        (_EQUAL, arch, "known"),
        (_RETURN, _REFUSE),
        "known",
        (_LOAD, _NUMBER),
        *[(_EQUAL, numbers[column], "refuse") for numbers in _FORBIDDEN.values()],
        (_AT_LEAST, _X32, "refuse"),
        *[(_EQUAL, numbers[column], "whom") for numbers in _AT_SOMEBODY.values()],
        *[(_EQUAL, numbers[column], "family") for numbers in _OF_A_FAMILY.values()],
        (_RETURN, _ALLOW),
        "whom",
        (_LOAD, _FIRST_ARGUMENT),
        *[(_EQUAL, pid, "refuse") for pid in whom],
        (_RETURN, _ALLOW),
        "family",
        (_LOAD, _FIRST_ARGUMENT),
        *[(_EQUAL, family, "refuse") for family in _FORBIDDEN_FAMILIES],
        (_RETURN, _ALLOW),
        "refuse",
        (_RETURN, _REFUSE),
    ]
    return _assembled(lines)


def _assembled(lines):
    """The instructions as bytes; a text among them is a place to jump to."""
    steps, places = [], {}
    for line in lines:
        if isinstance(line, str):
            places[line] = len(steps)
        else:
            steps.append(line)
    made = b""
    for i, (code, value, *place) in enumerate(steps):
        jump = places[place[0]] - i - 1 if place else 0
        made += struct.pack("=HBBI", code, jump, 0, value)
    return made


def install(made):
    """Installs the filter; a kernel that takes none is silently left without."""
    if made is not None:
        system.set_filter(made)
