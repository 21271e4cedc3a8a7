"""Stands in for what `multiprocessing` is built on: it can be imported, and not used."""

flags = {}


class SemLock:
    """A semaphore between processes, of which there is one."""

    SEM_VALUE_MAX = 2**31 - 1

    def __init__(self, *args, **kwargs):
        raise OSError("the sandbox runs one process, so nothing is shared between processes")


def sem_unlink(name):
    """There is never one to remove."""
    raise FileNotFoundError(name)
