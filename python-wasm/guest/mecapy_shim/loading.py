"""Finding a handler: imports the module that its path names, and looks up its parts."""

import ast
import importlib
import os
import sys
import time
from importlib.machinery import FileFinder, SourceFileLoader

from . import randomness
from .handler import Handler

ROOT = "/app"


class NoHandler(Exception):
    """The handler is not where the manifest says, or cannot be called."""


clock_readings = 0
"""How often the shim itself read the clock since `begin`."""


def keep_bytecode():
    """From now on, keeps the bytecode of what is imported, by the full path of its source."""
    sys.pycache_prefix = "/tmp/bytecode"
    sys.dont_write_bytecode = False


def begin():
    """Readies the interpreter for loading a package's code."""
    global clock_readings
    clock_readings = 0
    randomness.forget_draws()
    randomness.begin_load()
    _begin_time()
    os.chdir(ROOT)


def begin_call():
    """Gives a call a life of its own: the interpreter's state may serve others too."""
    randomness.begin()
    _begin_time()


def _begin_time():
    global clock_readings
    clock_readings += 1
    sys.modules["logging"]._startTime = time.time_ns()


def find(path, callable_name, init):
    """The handler at `module.path[.Class]:callable`. Raises `NoHandler`, or what the module raises."""
    module, rest = _import_longest(path)
    file = getattr(module, "__file__", None) or module.__name__
    file = file.removeprefix(ROOT + "/")
    owner = module
    for name in rest:
        owner = _member(owner, name, file)
    if rest and not isinstance(owner, type):
        raise NoHandler(f"`{'.'.join(rest)}` in {file} is not a class")
    function = _member(owner, callable_name, file)
    if not callable(function):
        raise NoHandler(f"`{callable_name}` in {file} is {type(function).__name__}, not a function")
    return Handler(function, owner if rest else None, init)


def _import_longest(path):
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        try:
            return importlib.import_module(name), parts[count:]
        except ModuleNotFoundError as error:
            # Only its own absence sends us on; a module missing inside it is the author's.
            if error.name != name or error.__traceback__ is None or _raised_by_author(error):
                raise
    first = parts[0]
    raise NoHandler(f"there is no module `{first}`: the package has no {first}.py and no folder {first}/")


def _raised_by_author(error):
    frame = error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename.startswith((ROOT, "/deps")):
            return True
        frame = frame.tb_next
    return False


def _member(owner, name, file):
    # A class's own entry keeps `staticmethod` and `classmethod` apart from functions.
    try:
        return getattr(owner, name)
    except AttributeError:
        pass
    there = [other for other in vars(owner) if not other.startswith("_") and callable(vars(owner)[other])]
    what = f"the class `{owner.__name__}` in {file}" if isinstance(owner, type) else file
    found = f"; it defines {', '.join(f'`{other}`' for other in there[:10])}" if there else ""
    raise NoHandler(f"{what} has no `{name}`{found}")


class _LeavingOut(SourceFileLoader):
    """Loads a package's own files without the imports that it never uses and cannot have."""

    unwanted = {}

    def source_to_code(self, data, path, *, _optimize=-1):
        unwanted = self.unwanted.get(path)
        if not unwanted:
            return super().source_to_code(data, path, _optimize=_optimize)
        tree = _Remover(unwanted).visit(ast.parse(data, path))
        return compile(tree, path, "exec", dont_inherit=True, optimize=_optimize)


class _Remover(ast.NodeTransformer):
    def __init__(self, unwanted):
        self.unwanted = unwanted

    def visit_Import(self, node):
        kept = [alias for alias in node.names if (node.lineno, alias.name) not in self.unwanted]
        if len(kept) == len(node.names):
            return node
        node.names = kept
        return node if kept else ast.copy_location(ast.Pass(), node)

    def visit_ImportFrom(self, node):
        if (node.lineno, node.module) in self.unwanted:
            return ast.copy_location(ast.Pass(), node)
        return node


def leave_out(imports):
    """From now on, files of the package are loaded without these imports."""
    if not imports:
        return
    for item in imports:
        file = f"{ROOT}/{item.file}"
        _LeavingOut.unwanted.setdefault(file, set()).add((item.line, item.name))

    def hook(path):
        if path != ROOT and not path.startswith(ROOT + "/"):
            raise ImportError(path)
        return FileFinder(path, (_LeavingOut, [".py"]))

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.pop(ROOT, None)
