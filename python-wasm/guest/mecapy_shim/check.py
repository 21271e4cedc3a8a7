"""The package's own code read, never run: broken syntax, broken policy, and what it imports.

Owns what a deploy says about the author's sources before anything of them is imported. It
is a courtesy and a policy; what code may do in the end is up to the sandbox alone.
"""

import ast
import io
import os
import re
import sys
import tokenize
import warnings
from importlib.machinery import BuiltinImporter, ExtensionFileLoader, FrozenImporter, PathFinder

MAX_BYTES = 1 << 20
"""Largest source file: its syntax tree takes some hundred times that in memory."""

_ADVICE = {
    "os": "paths are `pathlib`'s work, a call's files are `mecapy.files`',"
    " and there are no environment variables",
    "subprocess": "no program can be started in the sandbox: call a Python library instead",
    "sys": "a handler has no arguments, no exit status and no import path to change:"
    " return a value or raise an exception, and log with `mecapy.log`",
    "socket": "there is no network: take what you need as an input, or through `mecapy.files`",
    "ctypes": "native libraries cannot be loaded: use a pure Python package, or the Docker engine",
    "multiprocessing": "a call has one process and one processor: use a plain loop",
    "eval": "read numbers with `float` or `json`, literals with `ast.literal_eval`,"
    " formulas with `sympy.parse_expr`",
    "exec": "call a function instead of running text",
    "compile": "call a function instead of compiling text; `re.compile` is not concerned",
    "__import__": "use an `import` statement",
}

# Modules of the standard library whose files are there without what they stand on.
_STANDS_ON = {
    "bz2": "_bz2", "ctypes": "_ctypes", "curses": "_curses", "dbm.gnu": "_gdbm",
    "dbm.ndbm": "_dbm", "lzma": "_lzma", "pty": "termios", "sqlite3": "_sqlite3",
    "ssl": "_ssl", "tkinter": "_tkinter", "tty": "termios", "turtle": "_tkinter",
}  # fmt: skip

_CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES = (*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef)
_HOLD_TYPES = {"cast", "TypeVar", "ForwardRef", "NewType"}
_TYPE_COMMENT = re.compile(r"#\s*type:\s*(?!ignore\b)([^#\r\n]+)")


def inspect_package(policy, root="/app", is_available=None):
    """What the `.py` files below `root` import, and what is wrong with them.

    `policy` and the answer have the JSON forms of `ImportPolicy` and `Inspection`. The
    `tests` folder at the root, hidden folders and caches are left out. `is_available`
    tells whether a dotted module name can be imported; by default it is looked for,
    without importing anything, in `root`, `/deps`, the standard library and the image.
    """
    is_available = is_available or Finder([root, "/deps", *sys.path])
    own = _own_modules(root)
    files = [_File(root, path, policy, own, is_available) for path in _sources(root)]
    problems = [problem for file in files for problem in file.problems]
    problems.sort(key=lambda x: (x["file"], x["line"], x["column"]))
    return {
        "problems": problems,
        "imports": [found for file in files for found in file.found(files)],
    }


class Finder:
    """Whether a module could be imported, found out without importing anything."""

    def __init__(self, paths):
        self.paths = list(dict.fromkeys(path for path in paths if path))
        self._known = {}

    def __call__(self, module):
        if module not in self._known:
            self._known[module] = self._find(module)
        return self._known[module]

    def _find(self, module):
        if module in sys.modules:  # the image's own: its files need not be here
            return sys.modules[module] is not None
        top, *below = module.split(".")
        if top == "six" and below[:1] == ["moves"]:
            return self("six")  # makes its submodules as it goes
        for name in (top, module):
            if name in _STANDS_ON and not self(_STANDS_ON[name]):
                return False
        if BuiltinImporter.find_spec(top) is not None and not below:
            return True
        if FrozenImporter.find_spec(module) is not None:
            return True
        name, paths = "", self.paths
        for part in (top, *below):
            name = f"{name}.{part}" if name else part
            spec = PathFinder.find_spec(name, paths) if paths else None
            if spec is None:
                return False
            paths = list(spec.submodule_search_locations or ())
        native = isinstance(spec.loader, ExtensionFileLoader)
        return not (native and sys.platform == "wasi")


class _File:
    """One source file: its problems, its imports, and the names that it uses."""

    def __init__(self, root, path, policy, own, is_available):
        self.path, self.policy, self.own = path, policy, own
        self.is_available = is_available
        self.problems, self.imports = [], []
        self.loads, self.attributes, self.takes = set(), set(), set()
        self.builtins, self.importers = {"builtins", "__builtins__"}, {}
        parts = path[: -len(".py")].split("/")
        self.initial = parts[-1] == "__init__"
        self.module = ".".join(parts[:-1] if self.initial else parts)
        self.parents = parts[:-1]
        try:
            self.text = _decoded(os.path.join(root, path))
            tree = _parsed(self.text, path)
        except SyntaxError as error:
            self.problem("syntax", error.lineno or 1, error.offset or 1, error.msg)
            return
        self.lines = re.split("\r\n|\r|\n", self.text)
        self._walk(tree)
        for comment in _TYPE_COMMENT.findall(self.text) if "type:" in self.text else ():
            for part in comment.split("->"):
                self._use_text(part.strip())

    def problem(self, rule, line, column, message):
        at = {"rule": rule, "file": self.path, "line": max(line, 1), "column": max(column, 1)}
        self.problems.append({**at, "message": message})

    def found(self, files):
        """The imports in `FoundImport`'s form; other files may take names from this one."""
        taken = {name for file in files for module, name in file.takes if module == self.module}
        reached = {name for file in files if file is not self for name in file.attributes}
        uses = self.loads | taken | reached
        everything = "*" in taken or "globals" in self.loads
        for module, line, names, guarded, at_top in sorted(self.imports, key=lambda x: x[1]):
            kept = at_top and (self.initial or everything)
            yield {
                "module": module,
                "file": self.path,
                "line": line,
                "used": kept or "*" in names or not uses.isdisjoint(names),
                "available": bool(self.is_available(module)),
                "guarded": guarded,
            }

    def _walk(self, tree):
        """Visits every node without recursion, however deep the tree.

        A node comes with whether a failing import there is handled, whether it never runs,
        whether it lies outside functions and classes, whether it is a type hint, and the
        names that its scopes bind.
        """
        top = _bound(tree)
        todo = [(tree, False, False, True, False, (top,))]
        while todo:
            node, handled, unrun, at_top, hint, scopes = todo.pop()
            self._names(node, hint)
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node, handled or unrun, at_top)
            elif isinstance(node, ast.Call):
                self._call(node, scopes)
            inside = scopes
            if isinstance(node, _SCOPES):
                inside = (*scopes, _bound(node))
                if isinstance(node, _FUNCTIONS):  # runs later, when the `try` is over
                    handled = False
                at_top = at_top and not isinstance(node, (ast.ClassDef, *_FUNCTIONS))
            # Names of a class body are not seen from the functions in it.
            if isinstance(node, _FUNCTIONS):
                inside = tuple(x for x in inside[:-1] if not isinstance(x, _ClassNames)) + inside[-1:]
            catches = isinstance(node, (ast.Try, ast.TryStar)) and any(map(_handles, node.handlers))
            catches = catches or isinstance(node, ast.With) and any(map(_suppresses, node.items))
            typing_only, negated = _type_checking(node)
            for field, value in ast.iter_fields(node):
                seen = inside if field in ("body", "args", "elt", "key", "value", "generators") else scopes
                below = (
                    handled or catches and field == "body",
                    unrun or typing_only and field == ("orelse" if negated else "body"),
                    at_top,
                    hint or field in ("annotation", "returns"),
                    seen,
                )
                for child in value if isinstance(value, list) else (value,):
                    if isinstance(child, ast.AST):
                        todo.append((child, *below))

    def _names(self, node, hint):
        """Notes the names that a node uses."""
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Store):
                self.loads.add(node.id)
        elif isinstance(node, ast.Attribute):
            self.attributes.add(node.attr)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self.loads.add(node.target.id)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            self.loads.update(node.names)
        elif isinstance(node, ast.Constant) and hint and isinstance(node.value, str):
            self._use_text(node.value)
        # `__all__ = [...]`, `__all__ += [...]`, `__all__.extend([...])`
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)):
            mentions = [x.id for x in _nearby(node) if isinstance(x, ast.Name)]
            if "__all__" in mentions:
                self.loads.update(_strings(node))

    def _use_text(self, text):
        """Counts the names in a type written as text; what is no expression uses none."""
        try:
            tree = _parsed(text.strip(), self.path, "eval")
        except SyntaxError:
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                self.loads.add(node.id)

    def _import(self, node, guarded, at_top):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                if alias.name == "builtins":
                    self.builtins.add(name)
                if alias.name.split(".")[0] == "importlib":
                    self.importers[name] = None
                self._allowed(alias.name, alias)
                self.imports.append((alias.name, alias.lineno, {name}, guarded, at_top))
            return
        module = node.module or ""
        if node.level:
            package = self.parents[: len(self.parents) - node.level + 1]
            if node.level > len(self.parents):
                if not guarded and not self.initial:
                    dots = "." * node.level
                    self.problem("import", node.lineno, self._column(node),
                                 f"`from {dots}{module} import` leaves the package: a file at its"
                                 " root is no part of another; leave out the dots")  # fmt: skip
                return
            module = ".".join([*package, module] if module else package)
        elif module == "__future__":
            return
        names = {alias.asname or alias.name for alias in node.names}
        self.imports.append((module, node.lineno, names, guarded, at_top))
        self.takes.update((module, alias.name) for alias in node.names)
        # `from pkg import mod` gives a module, whose names may then be reached.
        if node.level:
            return
        if module == "builtins":
            for alias in node.names:
                if alias.name in self.policy["blocked_calls"]:
                    self._refuse_call(alias.name, alias)
        for alias in node.names:
            if module == "importlib" and alias.name in ("import_module", "__import__"):
                self.importers[alias.asname or alias.name] = alias.name
        if self._allowed(module, node):
            for alias in node.names:
                self._blocked(f"{module}.{alias.name}", alias)

    def _call(self, node, scopes):
        function = node.func
        if isinstance(function, ast.Name) and function.id in _HOLD_TYPES or (
            isinstance(function, ast.Attribute) and function.attr in _HOLD_TYPES
        ):
            for text in _strings(node):
                self._use_text(text)
        blocked = self.policy["blocked_calls"]
        if isinstance(function, ast.Name):
            name = function.id
            if name in blocked and not any(name in scope for scope in scopes):
                self._refuse_call(name, node)
            if self.importers.get(name) is None:
                return
        elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            base, name = function.value.id, function.attr
            if base in self.builtins and name in blocked:
                self._refuse_call(name, node)
            if base not in self.importers or name not in ("import_module", "__import__"):
                return
        elif isinstance(function, ast.Subscript) and isinstance(function.value, ast.Name):
            key = function.slice
            if function.value.id == "__builtins__" and isinstance(key, ast.Constant):
                if key.value in blocked:
                    self._refuse_call(key.value, node)
            return
        else:
            return
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            if not first.value.startswith("."):
                self._allowed(first.value, node)

    def _allowed(self, module, node):
        """Whether the policy lets `module` in; what it does not is reported."""
        top = module.split(".")[0]
        if top == "mecapy" or top in self.own and top not in sys.stdlib_module_names:
            return True
        allowed = self.policy.get("allowed_modules")
        if allowed is None:
            return self._blocked(module, node)
        if any(_within(module, name) for name in allowed):
            return True
        self._refuse_import(module, node, "only these modules may be imported here: "
                            + (", ".join(sorted(allowed)) or "none"))  # fmt: skip
        return False

    def _blocked(self, module, node):
        if self.policy.get("allowed_modules") is not None:
            return True
        for name in self.policy["blocked_modules"]:
            if _within(module, name):
                self._refuse_import(name, node, _ADVICE.get(name, "this operator's policy refuses it"))
                return False
        return True

    def _refuse_import(self, module, node, advice):
        top = module.split(".")[0]
        if top in self.own:
            advice = f"the standard library's `{top}` is found before a file of that name: rename yours"
        text = f"`{module}` may not be imported: {advice}"
        self.problem("import", node.lineno, self._column(node), text)

    def _refuse_call(self, name, node):
        advice = _ADVICE.get(name, "this operator's policy refuses it")
        text = f"`{name}` may not be called: {advice}"
        self.problem("call", node.lineno, self._column(node), text)

    def _column(self, node):
        """1-based, in characters, where the syntax tree counts bytes."""
        line = self.lines[node.lineno - 1].encode()
        return len(line[: node.col_offset].decode(errors="replace")) + 1
