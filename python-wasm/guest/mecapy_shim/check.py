"""The package's own code read, never run: broken syntax, broken policy, and what it imports.

Owns what a deploy says about the author's sources before anything of them is imported. It
is a courtesy and a policy; what code can do in the end is up to the sandbox alone.
"""

import ast
import io
import os
import re
import sys
import tokenize
import warnings
from importlib.machinery import ExtensionFileLoader, FrozenImporter, PathFinder

MAX_BYTES = 1 << 20
"""Largest source file: its syntax tree takes up to a hundred times that in memory."""

_ADVICE = {
    "os": "build paths with `pathlib`, exchange files through `mecapy.files`; there are no"
    " environment variables",
    "subprocess": "nothing can be started in the sandbox: call a Python library instead",
    "sys": "return a value, raise an exception, log with `mecapy.log`; there are no arguments,"
    " and imports are found from the package's root",
    "socket": "there is no network: take it as an input, or through `mecapy.files`",
    "ctypes": "native libraries cannot be loaded in the sandbox: call a Python package instead",
    "multiprocessing": "a call has one process: use a plain loop",
    "eval": "read numbers with `float`, data with `json.loads`, literals with"
    " `ast.literal_eval`, and formulas with a parser of formulas",
    "exec": "write the code as a function and call that",
    "compile": "write the code as a function and call that",
    "__import__": "use an `import` statement",
}
_POLICY = "this platform's policy refuses it"

# Modules of the standard library that are files here, and what those files stand on.
_STANDS_ON = {
    "bz2": "_bz2", "ctypes": "_ctypes", "curses": "_curses", "dbm.gnu": "_gdbm",
    "dbm.ndbm": "_dbm", "lzma": "_lzma", "pty": "termios", "sqlite3": "_sqlite3",
    "ssl": "_ssl", "tkinter": "_tkinter", "tty": "termios", "turtle": "_tkinter",
}  # fmt: skip

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CATCH = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_TAKE_TYPES = {"cast", "TypeVar", "ForwardRef", "NewType"}
_TYPE_COMMENT = re.compile(r"#\s*type:\s*(?!ignore\b)([^#\r\n]+)")


def inspect_package(policy, root="/app", is_available=None):
    """What the `.py` files below `root` import, and what is wrong with them.

    `policy` and the answer have the JSON forms of `ImportPolicy` and `Inspection`. The
    `tests` folder at the root, hidden folders and caches are left out. `is_available`
    tells whether a dotted name can be imported; without it, modules are looked for, not
    imported, in `root`, `/deps`, the standard library and the image.
    """
    is_available = is_available or Finder([root, "/deps", *sys.path])
    sources = _sources(root)
    own = {path.split("/")[0].removesuffix(".py") for path in sources}
    files = [_File(root, path, policy, own) for path in sources]
    problems = [problem for file in files for problem in file.problems]
    problems.sort(key=lambda x: (x["file"], x["line"], x["column"]))
    imports = [found for file in files for found in file.found(files, is_available)]
    return {"problems": problems, "imports": imports}


class Finder:
    """Whether a module could be imported, found out without importing anything."""

    def __init__(self, paths):
        self.paths = list(dict.fromkeys(path for path in paths if path))
        for path in self.paths:  # may have been looked at before it was mounted
            sys.path_importer_cache.pop(path, None)
        self._known = {}

    def __call__(self, module):
        if module not in self._known:
            self._known[module] = self._find(module)
        return self._known[module]

    def _find(self, module):
        if module in sys.modules:  # the image's own: its files need not be here
            return sys.modules[module] is not None
        parts = module.split(".")
        if parts[:2] == ["six", "moves"]:  # makes its submodules when imported
            return self("six")
        needed = _STANDS_ON.get(parts[0]) or _STANDS_ON.get(module)
        if needed and not self(needed):
            return False
        if module in sys.builtin_module_names or FrozenImporter.find_spec(module):
            return True
        paths, spec = self.paths, None
        for part in parts:
            # By its last name: nothing above it is imported, so it has no parent to ask.
            spec = PathFinder.find_spec(part, paths) if paths else None
            if spec is None:
                return False
            paths = list(spec.submodule_search_locations or ())
        return sys.platform != "wasi" or not isinstance(spec.loader, ExtensionFileLoader)


class _File:
    """One source file: its problems, its imports, and the names that it uses."""

    def __init__(self, root, path, policy, own):
        self.path, self.policy, self.own = path, policy, own
        *self.packages, name = path.removesuffix(".py").split("/")
        self.initial = name == "__init__"
        self.module = ".".join(self.packages if self.initial else [*self.packages, name])
        self.problems, self.imports, self.calls = [], [], []
        # Names loaded; names of attributes; names taken from other modules of the package;
        # names bound; and those that stand for `builtins`, `importlib` and its functions.
        self.loads, self.attributes, self.takes, self.bound = set(), set(), set(), set()
        self.builtins, self.importlibs, self.importers = {"builtins", "__builtins__"}, set(), set()
        try:
            text = _decoded(os.path.join(root, path))
            tree = _parsed(text, path)
        except SyntaxError as error:
            self._problem("syntax", error.lineno or 1, error.offset or 1, error.msg)
            return
        self.lines = re.split("\r\n|\r|\n", text)
        self._walk(tree)
        for call in self.calls:
            self._call(call)
        for comment in _TYPE_COMMENT.findall(text):
            for part in comment.split("->"):
                self._use_text(part)

    def found(self, files, is_available):
        """The imports in `FoundImport`'s form; other files may take names from this one."""
        taken = {name for file in files for module, name in file.takes if module == self.module}
        reached = {name for file in files if file is not self for name in file.attributes}
        uses = self.loads | taken | reached
        if self.initial or "*" in taken or "globals" in self.loads:
            uses |= {name for _, _, names, _, at_top in self.imports if at_top for name in names}
        for module, line, names, guarded, _ in sorted(self.imports, key=lambda x: x[1]):
            yield {
                "module": module,
                "file": self.path,
                "line": line,
                "used": "*" in names or not uses.isdisjoint(names),
                "available": bool(is_available(module)),
                "guarded": guarded,
            }

    def _walk(self, tree):
        """Visits every node, without recursion, so that no tree is too deep.

        A node comes with whether a failing import is handled there, whether it never runs,
        whether it is outside functions and classes, whether it stands directly in a class,
        and whether it is a type hint.
        """
        todo = [(tree, False, False, True, False, False)]
        while todo:
            node, handled, never, at_top, in_class, hint = todo.pop()
            self._names(node, in_class, hint)
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node, handled or never, at_top)
            elif isinstance(node, ast.Call):
                self.calls.append(node)
            elif isinstance(node, _FUNCTIONS):  # runs later, outside the `try`
                handled = at_top = in_class = False
            elif isinstance(node, ast.ClassDef):
                at_top, in_class = False, True
            catching, unrun = _catching(node), _typing_only(node)
            for field, value in ast.iter_fields(node):
                below = (
                    handled or catching and field == "body",
                    never or field == unrun,
                    at_top,
                    in_class,
                    hint or field in ("annotation", "returns"),
                )
                for child in value if isinstance(value, list) else (value,):
                    if isinstance(child, ast.AST):
                        todo.append((child, *below))

    def _names(self, node, in_class, hint):
        """Notes the names that a node binds or uses."""
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Store):
                self.loads.add(node.id)
            elif not in_class:
                self.bound.add(node.id)
        elif isinstance(node, _DEFINITIONS) and not in_class:
            self.bound.add(node.name)
        elif isinstance(node, ast.arg):
            self.bound.add(node.arg)
        elif isinstance(node, ast.Attribute):
            self.attributes.add(node.attr)
        elif isinstance(node, ast.AugAssign):
            self.loads.add(getattr(node.target, "id", ""))
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self.loads.update(node.names)
        elif hint and isinstance(node, ast.Constant):
            self._use_text(node.value)
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)):
            # `__all__ = [...]`, `__all__ += [...]`, `__all__.extend([...])`
            whole = getattr(node, "targets", None) or [getattr(node, "target", node.value)]
            whole = [getattr(x.func, "value", x) if isinstance(x, ast.Call) else x for x in whole]
            if any(isinstance(x, ast.Name) and x.id == "__all__" for x in whole):
                self.loads.update(_strings(node))

    def _use_text(self, text):
        """Counts the names of a type that is written as text; what is none uses none."""
        if isinstance(text, str):
            try:
                tree = _parsed(text.strip(), self.path, "eval")
            except SyntaxError:
                return
            self.loads.update(x.id for x in ast.walk(tree) if isinstance(x, ast.Name))

    def _import(self, node, guarded, at_top):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                name = alias.asname or top
                self.bound.add(name)
                if top == "importlib" and (not alias.asname or top == alias.name):
                    self.importlibs.add(name)
                if top == "builtins":
                    self.builtins.add(name)
                self._check_module(alias.name, alias)
                self.imports.append((alias.name, alias.lineno, {name}, guarded, at_top))
            return
        module, names = node.module or "", {x.asname or x.name for x in node.names}
        if module == "__future__":
            return
        if node.level > len(self.packages):
            if not guarded and not self.initial:
                text = "the dots lead out of the package: import from its root, without the dots"
                self._problem("import", node.lineno, self._column(node), text)
            return
        if node.level:
            package = self.packages[: len(self.packages) - node.level + 1]
            module = ".".join(package + module.split(".") if module else package)
        else:
            self._check_module(module, node)
        for alias in node.names:
            if module == "importlib" and alias.name in ("import_module", "__import__"):
                self.importers.add(alias.asname or alias.name)
            if module == "builtins" and alias.name in self.policy["blocked_calls"]:
                self._refuse(alias.name, alias, "call")
        self.bound |= names
        self.takes.update((module, alias.name) for alias in node.names)
        self.imports.append((module, node.lineno, names, guarded, at_top))

    def _call(self, node):
        """A call of a blocked built-in, or an import by a function."""
        function, blocked = node.func, self.policy["blocked_calls"]
        base = getattr(function, "value", None)
        base = base.id if isinstance(base, ast.Name) else None
        if isinstance(function, ast.Name):
            name, importer = function.id, function.id in self.importers
            builtin = name not in self.bound
        elif isinstance(function, ast.Attribute):
            name = function.attr
            importer = base in self.importlibs and name in ("import_module", "__import__")
            builtin = base in self.builtins
        elif isinstance(function, ast.Subscript):
            name, importer = getattr(function.slice, "value", None), False
            builtin = base == "__builtins__"
        else:
            return
        if name in _TAKE_TYPES:
            for text in _strings(node):
                self._use_text(text)
        if builtin and name in blocked:
            self._refuse(name, node, "call")
        if importer and node.args:
            module = getattr(node.args[0], "value", None)
            if isinstance(module, str) and not module.startswith("."):
                self._check_module(module, node)

    def _check_module(self, module, node):
        """Reports a module that the policy refuses."""
        top = module.split(".")[0]
        standard = top in sys.stdlib_module_names
        if top == "mecapy" or top in self.own and not standard:
            return
        allowed = self.policy.get("allowed_modules")
        if allowed is None and top in self.policy["blocked_modules"]:
            # The standard library's module is loaded already: the file's turn never comes.
            shadow = f"Python's own `{top}` comes before the package's: rename the file"
            self._refuse(top, node, "import", shadow if top in self.own else None)
        elif allowed is not None and top not in allowed:
            names = ", ".join(f"`{x}`" for x in sorted(allowed)) or "the package's own modules"
            self._refuse(top, node, "import", f"what may be is {names}")

    def _refuse(self, name, node, rule, advice=None):
        verb = "imported" if rule == "import" else "called"
        text = f"`{name}` may not be {verb}: {advice or _ADVICE.get(name, _POLICY)}"
        self._problem(rule, node.lineno, self._column(node), text)

    def _problem(self, rule, line, column, message):
        at = {"rule": rule, "file": self.path, "line": max(line, 1), "column": max(column, 1)}
        self.problems.append({**at, "message": message})

    def _column(self, node):
        """From 1, in characters; the syntax tree counts bytes."""
        before = self.lines[node.lineno - 1].encode()[: node.col_offset]
        return len(before.decode(errors="replace")) + 1


def _sources(root):
    """The source files to read, relative to the root, in order."""
    found = []
    for folder, folders, files in os.walk(root):
        inner = os.path.relpath(folder, root).replace(os.sep, "/")
        inner = "" if inner == "." else inner + "/"
        folders[:] = [x for x in folders if x[0] != "." and x != "__pycache__" and inner + x != "tests"]
        found += [inner + x for x in files if x.endswith(".py")]
    return sorted(found)


def _decoded(path):
    """The source as text. Raises `SyntaxError` with a line where it is none."""
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise _broken(1, f"larger than {MAX_BYTES >> 20} MiB: keep tables in files under `data/`")
    if b"\0" in data:
        raise _broken(data[: data.index(b"\0")].count(b"\n") + 1, "a NUL byte: not Python source")
    encoding, broken = "utf-8", None
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        broken = error
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _broken(line, f"not {encoding} text ({error.reason}): save the file as UTF-8") from None
    except (ValueError, LookupError):
        broken = SyntaxError(f"`{encoding}` is no encoding of source code")
    if broken is not None:
        line = 1 if b"coding" in data.split(b"\n", 1)[0] else 2
        raise _broken(line, f"{broken.msg}: save the file as UTF-8") from None
    return text


def _parsed(text, path, mode="exec"):
    """The syntax tree. Raises `SyntaxError`, for whatever cannot be compiled."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # First, because a tree too deep to be compiled may be too deep to be freed; and
            # it finds what the grammar does not, such as a stray `return`.
            compile(text, path, mode, dont_inherit=True)
            return ast.parse(text, path, mode)
    except (RecursionError, MemoryError):
        raise _broken(1, "nested too deep to be compiled") from None
    except (ValueError, OverflowError) as error:
        raise _broken(1, str(error)) from None


def _broken(line, message):
    return SyntaxError(message, (None, line, 1, None))


def _catching(node):
    """Whether what fails to import in the body of this statement is handled."""
    if isinstance(node, ast.With):  # `with suppress(ImportError):`
        calls = [x.context_expr for x in node.items if isinstance(x.context_expr, ast.Call)]
        return any(_name(x.func) == "suppress" and _CATCH & set(map(_name, x.args)) for x in calls)
    for handler in getattr(node, "handlers", ()):
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if handler.type is None or _CATCH & set(map(_name, kinds)):
            # To raise another exception instead is not to do without the module.
            return not any(isinstance(x, ast.Raise) for x in handler.body)
    return False


def _typing_only(node):
    """The field of an `if TYPE_CHECKING` that never runs."""
    if isinstance(node, ast.If):
        if _name(node.test) == "TYPE_CHECKING":
            return "body"
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
            return "orelse" if _name(node.test.operand) == "TYPE_CHECKING" else None
    return None


def _name(node):
    """The last name of `a` or `b.a`."""
    return getattr(node, "id", None) or getattr(node, "attr", None)


def _strings(node):
    return [x.value for x in ast.walk(node) if isinstance(x, ast.Constant) and isinstance(x.value, str)]
