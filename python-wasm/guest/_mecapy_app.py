"""Entry module of the component: what is imported and set up here is in its image."""

import posix


def use_bytecode(packed, folder):
    """Puts the standard library's bytecode beside its sources.

    Compiling here would leave its waste in the image, and nearly double it.
    """
    for name in posix.listdir(packed + folder):
        path = f"{folder}/{name}"
        if posix.stat(packed + path).st_mode & 0o170000 != 0o040000:
            if folder.endswith("/__pycache__"):
                with open(packed + path, "rb") as source, open(path, "wb") as target:
                    target.write(source.read())
        elif name not in ("tkinter", "pydoc_data", "curses"):
            if name == "__pycache__" and name not in posix.listdir(folder):
                posix.mkdir(path)
            use_bytecode(packed, path)


use_bytecode("/2", "/python")

import gc

import wit_world

from mecapy_shim import exports, heap, immortal, loading, preload, warmup

preload.prepare()
warmup.warm_up("/2")


class WitWorld(wit_world.WitWorld):
    """The exports of the world `mecapy:sandbox/function`."""

    load = staticmethod(exports.load)
    keep_bytecode = staticmethod(loading.keep_bytecode)
    call = staticmethod(exports.call)
    describe = staticmethod(exports.describe)
    settle = staticmethod(exports.settle)
    wake = staticmethod(exports.wake)
    immortals = staticmethod(immortal.immortals)
    inspect = staticmethod(exports.inspect)
    test = staticmethod(exports.test)


gc.collect()
heap.fill_holes()

# Room on the heap, so that small calls need not let the memory grow: one that grew is not
# used again. It costs nothing until it is written to.
bytearray(4 << 20)

# Everything so far lives as long as the instance: a collection in a call need not look at
# it, which would touch, and so copy, every page of the image.
gc.collect()
gc.freeze()
