"""How process 1 begins and ends: takes the host's stream, forks the nursery, and supervises."""

import fcntl
import os
import select
import signal
import socket
import sys
import time

from . import nursery, roots, system
from .frames import Broken, Reader
from .supervisor import Finished, Supervisor

_READ = 1 << 16

# How long a host that reads slowly is waited for in the end.
_FAREWELL_SECONDS = 5.0

_HIGH_FD = 100


def _take_protocol():
    """Moves the host's stream away from where anything prints or reads."""
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD) for fd in (0, 1)]
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return moved


def _prepared(host_in, reader):
    """The host's first message. Raises `Broken`, or `Finished` where the host is gone."""
    while True:
        found = reader.next()
        if found is not None:
            break
        data = os.read(host_in, _READ)
        if not data:
            raise Finished(0)
        reader.feed(data)
    order = found[0]
    if order["type"] != "prepare" or type(order.get("preload")) is not list:
        raise Broken("a first message that prepares nothing")
    order.setdefault("handler", None)
    order["left_out"] = order.get("left_out") or []
    return order


def _leave(supervisor, status):
    """Writes what is still to be told, for as long as the host may take, and exits."""
    deadline = time.monotonic() + _FAREWELL_SECONDS
    to_host, poll = supervisor.to_host, select.poll()
    poll.register(to_host.fd, select.POLLOUT)
    try:
        to_host.flush()
        while to_host.size and time.monotonic() < deadline:
            poll.poll(100)
            to_host.flush()
    except OSError:
        pass
    # Everything in a container ends with its process 1.
    supervisor.control.close()
    if not roots.CONTAINED:
        os.wait()
    os._exit(status)


def main():
    """Runs process 1."""
    host_in, host_out = _take_protocol()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Neither the nursery nor a call may trace this process or open its descriptors.
    system.set_dumpable(False)
    system.set_name(b"runner")
    reader = Reader()
    try:
        order = _prepared(host_in, reader)
    except (Broken, Finished) as error:
        _complain(error)
        os._exit(getattr(error, "status", 2))
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        for fd in (host_in, host_out):
            os.close(fd)
        control.close()
        nursery.Nursery(theirs, order).live()
    theirs.close()
    for fd in (host_in, host_out):
        os.set_blocking(fd, False)
    supervisor = Supervisor(host_in, host_out, control)
    supervisor.from_host = reader
    try:
        supervisor.serve()
    except Finished as error:
        _leave(supervisor, error.status)
    except Broken as error:
        _complain(error)
        _leave(supervisor, 2)


def _complain(error):
    if isinstance(error, Broken):
        print("the host broke the protocol: %s" % error, file=sys.stderr, flush=True)
