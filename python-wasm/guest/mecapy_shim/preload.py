"""What is done once, before the image is taken, so that no call has to."""

import sys

# Imported here so that a call finds them loaded. Not what matters most is here, but what
# calculations and the packages that they use import: the rest is imported from `/python`.
MODULES = """
    abc argparse array ast base64 binascii bisect calendar cmath codecs collections
    collections.abc colorsys concurrent.futures configparser contextlib contextvars copy
    copyreg csv dataclasses datetime decimal difflib email.utils encodings.ascii
    encodings.idna encodings.latin_1 encodings.utf_8_sig enum errno fnmatch fractions
    functools gc genericpath getopt gettext glob gzip hashlib heapq hmac html html.entities
    html.parser importlib importlib.metadata importlib.resources importlib.util inspect io
    itertools json json.decoder json.encoder keyword linecache locale logging
    logging.handlers math numbers opcode operator optparse os os.path pathlib pickle pkgutil
    platform posixpath pprint queue quopri random re reprlib secrets shlex shutil signal
    stat statistics string stringprep struct subprocess symtable sysconfig tempfile textwrap
    threading time timeit token tokenize tomllib traceback types typing unicodedata unittest
    unittest.mock urllib.parse urllib.request uuid warnings weakref xml.etree.ElementTree
    zipfile zipimport zlib zoneinfo
    _strptime _pydatetime _pydecimal
""".split()


def prepare():
    """Fills what WASI lacks, imports the usual modules, and forgets the build's paths."""
    from . import randomness, wasi

    wasi.install()
    randomness.install()
    import importlib
    import importlib.machinery

    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    import_all("/1")
    sys.dont_write_bytecode = True
    sys.path[:] = ["/app", "/deps", "/python"]
    sys.path_importer_cache.clear()
    # Made ahead, they look at their folders only when they are asked.
    for folder in sys.path:
        loaders = importlib._bootstrap_external._get_supported_file_loaders()
        sys.path_importer_cache[folder] = importlib.machinery.FileFinder(folder, *loaders)
    sys.argv[:] = [""]
    import linecache
    import os
    import re

    os.environ.clear()
    linecache.clearcache()
    re.purge()


def import_all(root):
    """Imports every module below a folder that no call will see."""
    import importlib
    import pkgutil

    refused = {}
    for module in pkgutil.walk_packages([root], onerror=lambda _: None):
        if module.name.startswith("_stand_ins"):
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            refused[module.name] = str(error)
    sys.meta_path.append(Refused(refused))


class Refused:
    """Modules that a stand-in does not have, and says so when they are imported."""

    def __init__(self, reasons):
        self.reasons = reasons

    def find_spec(self, name, path=None, target=None):
        if name in self.reasons:
            raise ImportError(self.reasons[name], name=name)
        return None
