"""What a call leaves behind, ended and removed: processes, files, shared memory.

Everything is bounded in time: what cannot be had clean in `MOST_SECONDS` makes the container
one that is not used again.
"""

import os
import resource
import select
import signal
import stat
import time

from . import roots, system

MOST_SECONDS = 5.0
_WAIT_MS = 20


class Unclean(Exception):
    """Something is left; the text says what."""


def kill_everybody():
    """Kills every process but process 1 and this one. Whether there was any."""
    if roots.CONTAINED:
        # All at once, under the kernel's lock: a process that forks meanwhile cannot escape.
        try:
            os.kill(-1, signal.SIGKILL)
            return True
        except ProcessLookupError:
            return False
    found = _descendants()
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return bool(found)


def _descendants():
    """Processes below this one, which adopts its descendants: outside of a container only."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def end_processes(reap, wake_fd):
    """Ends all that this process is an ancestor of. Raises `Unclean`.

    `reap` reaps what has ended and answers whether any child is left; as orphans are
    adopted, no child means that there is no process. `wake_fd` can be read when one ends.
    """
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        anybody = kill_everybody()
        if not reap() and not anybody:
            return
        if anybody and not reap():
            continue
        if time.monotonic() > deadline:
            raise Unclean("processes of the call cannot be ended")
        select.select([wake_fd], [], [], _WAIT_MS / 1e3)
        hush(wake_fd)


def hush(wake_fd):
    """Takes what signals have written to their pipe, if anything."""
    try:
        os.read(wake_fd, 4096)
    except BlockingIOError:
        pass


class Folders:
    """The folders that calls can write to."""

    def __init__(self):
        self._swept = []
        for path in roots.SWEPT:
            if os.path.isdir(path) and not os.path.islink(path) and os.access(path, os.W_OK):
                self._swept.append((path, stat.S_IMODE(os.stat(path).st_mode)))

    def empty(self):
        """Removes everything in them. Raises `Unclean`."""
        deadline = time.monotonic() + MOST_SECONDS
        for path, mode in self._swept:
            try:
                if stat.S_IMODE(os.stat(path).st_mode) != mode:
                    os.chmod(path, mode)
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    _empty(fd, deadline)
                finally:
                    os.close(fd)
            except OSError as error:
                raise Unclean("%s cannot be emptied: %s" % (path, error.strerror)) from None
        if roots.CONTAINED and not system.remove_ipc():
            raise Unclean("shared memory or semaphores cannot be removed")


def _empty(top, deadline):
    """Empties an open folder, however deep: what is in a folder's folder is brought up first."""
    brought = 0
    while True:
        entries = list(os.scandir(top))
        if not entries:
            return
        for entry in entries:
            if time.monotonic() > deadline:
                raise Unclean("there are too many files to remove")
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=top)
                continue
            # Nobody is left who could put a link in its place.
            os.chmod(entry.name, 0o700, dir_fd=top)
            fd = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                for inner in list(os.scandir(fd)):
                    if not inner.is_dir(follow_symlinks=False):
                        os.unlink(inner.name, dir_fd=fd)
                        continue
                    brought += 1
                    os.chmod(inner.name, 0o700, dir_fd=fd)
                    os.rename(inner.name, ".swept-%d" % brought, src_dir_fd=fd, dst_dir_fd=top)
            finally:
                os.close(fd)
            os.rmdir(entry.name, dir_fd=top)


def standing():
    """What a process of the same user could have changed of this one, to compare."""
    limits = [getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_")]
    return (
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getscheduler(0),
        os.sched_getaffinity(0),
        [resource.getrlimit(limit) for limit in sorted(set(limits))],
    )
