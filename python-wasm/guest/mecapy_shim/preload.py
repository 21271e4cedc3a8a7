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
    annotated_types mecapy mecapy.files pydantic
    _strptime _pydatetime _pydecimal
""".split()


def prepare():
    """Fills what WASI lacks, imports the usual modules, and forgets the build's paths."""
    from . import wasi

    wasi.install()
    import importlib

    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    sys.dont_write_bytecode = True
    sys.path[:] = ["/app", "/deps", "/site", "/python"]
    sys.path_importer_cache.clear()
    sys.argv[:] = [""]
    import linecache
    import os
    import re

    os.environ.clear()
    linecache.clearcache()
    re.purge()
    importlib.invalidate_caches()
