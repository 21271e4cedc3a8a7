# /// expect
# kind = "completed"
# result = []
# ///
"""Keys of input files that are paths, or no keys at all: the answer lists what could be opened, nothing."""

KEYS = [
    "", "/", ".", "..", "../../etc/passwd", "/etc/passwd", "a/../../etc/passwd", "a//b", "./a", "a/.",
    "a\0b", "\0", "..\\..\\etc\\passwd", "C:\\Windows\\win.ini", "file:///etc/passwd", "s3://bucket/key",
    "http://169.254.169.254/", "%2e%2e/etc/passwd", "a/" * 100_000 + "b", "x" * 1_000_000, "-rf", "~/.ssh/id_rsa",
    "nothing-of-this-name",
]  # fmt: skip


def calculate(inputs):
    from componentize_py_types import Err
    from wit_world.imports import files

    opened = []
    for key in KEYS:
        for action in (files.open, files.create):
            # A host without a place for output files refuses every `create`; one with such a
            # place may take the keys that are names.
            if action is files.create and not any(mark in key for mark in ("..", "\0", "\\", "//")):
                continue
            try:
                action(key)
            except Err:
                continue
            opened.append(key[:40])
    return opened
