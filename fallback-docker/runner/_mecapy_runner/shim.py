"""The sandbox's shim, brought to where it runs here: other paths, and real threads and sockets.

What of it is for WASI alone (stand-ins of native modules, and all that readies a memory to be
kept) is not called.
"""

import logging
import sys
import sysconfig
from importlib.machinery import SourceFileLoader
from types import SimpleNamespace

from . import older, roots, stand_ins


def install():
    """Imports the shim and `mecapy`, before anything of a package's could take their names."""
    stand_ins.install()
    site = roots.GUEST + "/site"
    sys.path[:0] = [roots.GUEST, site]
    import mecapy
    from mecapy_shim import check, exports, failures, hints, loading, randomness, testing

    sys.path[:] = [entry for entry in sys.path if entry not in (roots.GUEST, site)]
    # Last, for the stand-in of pydantic where there is no real one.
    _put_on_path(roots.DEPS, site)
    older.fill(check, failures, hints, randomness, testing)
    loading.ROOT = roots.APP
    check.inspect_package.__defaults__ = (roots.APP, None)
    testing.run_tests.__defaults__ = (roots.APP,)
    loading._LeavingOut.get_code = _code_of_source
    # From now on generators that nobody seeds are seeded anew in every call.
    randomness.install()
    _tell_paths_as_in_the_sandbox(failures)
    root = logging.getLogger()
    root.addHandler(mecapy.HostHandler())
    root.setLevel(logging.INFO)
    return exports


def _code_of_source(loader, name):
    """A module's code, compiled again if imports are left out: its bytecode in the image has them."""
    path = loader.get_filename(name)
    if path not in loader.unwanted:
        return SourceFileLoader.get_code(loader, name)
    return loader.source_to_code(loader.get_data(path), path)


def _put_on_path(deps, site):
    """Dependencies after the standard library, and before what the base image brings."""
    at = [i for i, entry in enumerate(sys.path) if entry.endswith(("site-packages", "dist-packages"))]
    sys.path.insert(at[0] if at else len(sys.path), deps)
    sys.path.append(site)


def _tell_paths_as_in_the_sandbox(failures):
    """Makes failures leave out this program's frames, and name files as the sandbox does."""
    stdlib = sysconfig.get_path("stdlib")
    failures._SHIM += (roots.GUEST + "/mecapy_shim/", roots.RUNNER + "/")
    failures._MACHINERY += (stdlib + "/importlib/",)
    told, innermost = failures._traceback, failures._innermost
    places = [
        ('File "%s/' % stdlib, 'File "/python/'),
        ('File "%s/' % roots.APP, 'File "'),
        ('File "%s/' % roots.DEPS, 'File "deps/'),
    ]

    def traceback_of(error):
        text = told(error)
        for here, there in places if text is not None else ():
            text = text.replace(here, there)
        return text

    def innermost_of(error):
        found, frame = innermost(error), error.__traceback__
        while found[0] is None and frame is not None:
            file = frame.tb_frame.f_code.co_filename
            for root, name in ((roots.APP + "/", ""), (roots.DEPS + "/", "deps/")):
                if file.startswith(root):
                    found = (name + file[len(root) :], frame.tb_lineno)
            frame = frame.tb_next
        return found

    failures._traceback = traceback_of
    if (roots.APP, roots.DEPS) != ("/app", "/deps"):
        failures._innermost = innermost_of


def target(handler):
    """What the host says of a handler, as the shim takes it."""
    return SimpleNamespace(
        path=handler["path"], callable=handler["callable"], init=list(handler.get("init") or ())
    )


def left_out(imports):
    """What the host says of imports to leave out, as the shim takes it."""
    return [SimpleNamespace(name=x["name"], file=x["file"], line=x["line"]) for x in imports]
