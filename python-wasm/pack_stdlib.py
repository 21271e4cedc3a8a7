"""Run once inside the guest's own interpreter while the component is built: copies the
standard library to the folder that the build mounts, with bytecode beside the sources.

The interpreter that compiles is the one that will import, so the bytecode always fits.
Its files are marked as unchecked: they are mounted together and never change.
"""

import importlib.util
import marshal
import os
from importlib._bootstrap_external import _code_to_hash_pyc

SOURCE = "/python"
TARGET = "/2/python"

# Parts that cannot work without a screen, a C compiler or a network, or that are only data
# for installing Python itself.
LEFT_OUT = {"idlelib", "turtledemo", "ensurepip", "lib2to3", "test", "config-3.14-wasm32-wasi"}


def pack(folder: str) -> None:
    source = f"{SOURCE}/{folder}".rstrip("/")
    target = f"{TARGET}/{folder}".rstrip("/")
    os.mkdir(target)
    for name in sorted(os.listdir(source)):
        path = f"{folder}/{name}".lstrip("/")
        if os.path.isdir(f"{source}/{name}"):
            if name != "__pycache__" and path not in LEFT_OUT:
                pack(path)
            continue
        with open(f"{source}/{name}", "rb") as file:
            data = file.read()
        with open(f"{target}/{name}", "wb") as file:
            file.write(data)
        if name.endswith(".py"):
            compile_beside(f"{source}/{name}", f"{target}/__pycache__", name, data)


def compile_beside(path: str, cache: str, name: str, data: bytes) -> None:
    try:
        code = compile(data, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return
    pyc = _code_to_hash_pyc(code, importlib.util.source_hash(data), False)
    os.makedirs(cache, exist_ok=True)
    stem = name.removesuffix(".py")
    with open(f"{cache}/{stem}.cpython-314.pyc", "wb") as file:
        file.write(pyc)


pack("")
assert marshal.version >= 4


class WitWorld:
    """The build insists on an application; this one is thrown away."""
