"""Entry module of the component: binds the world's exports to the shim."""

import wit_world

from mecapy_shim import exports


class WitWorld(wit_world.WitWorld):
    """The exports of the world `mecapy:sandbox/function`."""

    load = staticmethod(exports.load)
    call = staticmethod(exports.call)
    describe = staticmethod(exports.describe)
    inspect = staticmethod(exports.inspect)
    test = staticmethod(exports.test)
    compile = staticmethod(exports.compile_sources)
