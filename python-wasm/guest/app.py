"""Entry module of the component: what is imported and set up here is in its image."""

import gc

import wit_world

from mecapy_shim import exports, preload

preload.prepare()


class WitWorld(wit_world.WitWorld):
    """The exports of the world `mecapy:sandbox/function`."""

    load = staticmethod(exports.load)
    call = staticmethod(exports.call)
    describe = staticmethod(exports.describe)
    inspect = staticmethod(exports.inspect)
    test = staticmethod(exports.test)


# Everything so far lives as long as the instance: a collection in a call need not look at
# it, which would touch, and so copy, every page of the image.
gc.collect()
gc.freeze()
