"""The check of a package's own code: what it refuses, and what it finds imported."""

import sys
import types

import pytest
from mecapy_shim import check

POLICY = {
    "blocked_modules": ["os", "subprocess", "sys", "socket", "ctypes", "multiprocessing"],
    "allowed_modules": None,
    "blocked_calls": ["eval", "exec", "compile", "__import__"],
}


@pytest.fixture
def inspect(tmp_path):
    """Inspects files given by path; nothing named `absent...` can be imported."""

    def run(files, policy=POLICY, available=lambda module: not module.startswith("absent")):
        if not isinstance(files, dict):
            files = {"handler.py": files}
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return check.inspect_package(policy, str(tmp_path), available)

    return run


@pytest.fixture
def problems(inspect):
    def run(files, policy=POLICY):
        found = inspect(files, policy)["problems"]
        return [(x["rule"], x["line"], x["column"]) for x in found]

    return run


@pytest.fixture
def imports(inspect):
    def run(files):
        return {x["module"]: x for x in inspect(files)["imports"]}

    return run


def test_a_finding_has_the_platforms_form(inspect):
    assert inspect({"a/b.py": "x = 1\nimport os\n"}) == {
        "problems": [
            {
                "rule": "import",
                "file": "a/b.py",
                "line": 2,
                "column": 8,
                "message": "`os` may not be imported: build paths with `pathlib`, exchange files"
                " through `mecapy.files`; there are no environment variables",
            }
        ],
        "imports": [
            {
                "module": "os",
                "file": "a/b.py",
                "line": 2,
                "used": False,
                "available": True,
                "guarded": False,
            }
        ],
    }


@pytest.mark.parametrize(
    "source, expected",
    [
        ("import os", [("import", 1, 8)]),
        ("import math, os.path as p", [("import", 1, 14)]),
        ("from os import path", [("import", 1, 1)]),
        ("from os.path import join", [("import", 1, 1)]),
        ("def f():\n    import subprocess", [("import", 2, 12)]),
        ("try:\n    import sys\nexcept ImportError:\n    pass", [("import", 2, 12)]),
        ("é = 'é'; import os", [("import", 1, 17)]),
        ("import ossaudio, system", []),
        ("import importlib\nimportlib.import_module('os.path')", [("import", 2, 1)]),
        ("import importlib as il\nil.import_module('os')", [("import", 2, 1)]),
        ("import importlib.util\nimportlib.import_module('os')", [("import", 2, 1)]),
        ("from importlib import import_module as load\nload('sys')", [("import", 2, 1)]),
        ("import importlib\nimportlib.import_module(name)", []),
        ("from importlib import import_module\nimport_module('.os', __package__)", []),
        ("def import_module(name): ...\nimport_module('os')", []),
    ],
)
def test_blocked_imports(problems, source, expected):
    assert problems(source) == expected


@pytest.mark.parametrize(
    "source, expected",
    [
        ("eval('1')", [("call", 1, 1)]),
        ("x = [exec(s) for s in y]", [("call", 1, 6)]),
        ("__import__('math')", [("call", 1, 1)]),
        ("import builtins as b\nb.eval('1')", [("call", 2, 1)]),
        ("__builtins__.eval('1')", [("call", 1, 1)]),
        ("__builtins__['eval']('1')", [("call", 1, 1)]),
        ("from builtins import eval as e", [("call", 1, 22)]),
        ("class A:\n    def compile(self): return compile('', '', 'exec')", [("call", 2, 31)]),
        ("import re\nre.compile('x')", []),
        ("from re import compile\ncompile('x')", []),
        ("def compile(x): return x\ncompile(1)", []),
        ("compile = lambda x: x\ncompile(1)", []),
        ("def f(eval): return eval(1)", []),
        ("model.eval()\nself.exec(1)\nx['eval'](1)", []),
        ("literal_eval('1')\nprint('eval(1)')  # eval(1)", []),
    ],
)
def test_blocked_calls(problems, source, expected):
    assert problems(source) == expected


def test_a_package_may_import_itself(problems):
    own = {"solver/__init__.py": "", "solver/core.py": "from . import x\nfrom .y import z"}
    assert problems({**own, "handler.py": "import solver.core"}) == []
    handler = "from __future__ import annotations\nimport math, mecapy, solver"
    assert problems({**own, "handler.py": handler}, {**POLICY, "allowed_modules": ["math"]}) == []


def test_dots_that_lead_nowhere(inspect):
    files = {"handler.py": "from .solver import x", "pkg/core.py": "from .. import x"}
    found = inspect(files)["problems"]
    assert [(x["rule"], x["file"]) for x in found] == [("import", name) for name in files]
    assert "without the dots" in found[0]["message"]


def test_dots_for_another_way_of_running(inspect):
    both = "try:\n    from .solver import x\nexcept ImportError:\n    from solver import x\n"
    assert inspect({"handler.py": both})["problems"] == []


def test_a_file_of_a_blocked_name(inspect):
    found = inspect({"handler.py": "import socket", "socket.py": ""})["problems"]
    assert "rename the file" in found[0]["message"]
    policy = {**POLICY, "blocked_modules": ["pandas"]}
    assert inspect({"handler.py": "import pandas", "pandas/__init__.py": ""}, policy)["problems"] == []


def test_allow_list(inspect):
    policy = {**POLICY, "allowed_modules": ["math", "os"]}
    found = inspect("import math, os\nimport json\nfrom numpy import pi", policy)["problems"]
    assert [x["line"] for x in found] == [2, 3]
    assert found[0]["message"] == "`json` may not be imported: what may be is `math`, `os`"


def test_what_is_not_read(inspect):
    bad = "import os"
    files = {"tests/test_a.py": bad, ".hidden/a.py": bad, "__pycache__/a.py": bad, "a.txt": bad}
    assert inspect(files) == {"problems": [], "imports": []}
    assert len(inspect({"pkg/tests/a.py": bad, "test_a.py": bad})["problems"]) == 2


@pytest.mark.parametrize(
    "source, line, message",
    [
        ("x = 1\nif x\n", 2, "expected ':'"),
        ("x = 1\nreturn x\n", 2, "'return' outside function"),
        ("if x:\npass\n", 2, "indented block"),
        (b"x = 1\ny = '\xe9'\n", 2, "save the file as UTF-8"),
        (b"y = '\xe9'\n", 1, "save the file as UTF-8"),
        (b"x = 1\ny = 2\n\0\n", 3, "NUL"),
        (b"# coding: klingon\n", 1, "klingon"),
        (b"#!python\n# coding: rot13\n", 2, "rot13"),
        ("(" * 500 + ")" * 500, 1, "nested"),
        ("x = " + "-" * 100_000 + "1", 1, "nested too deep"),
        ("x = " + "+".join(["a"] * 100_000), 1, "nested too deep"),
        ("#" * check.MAX_BYTES + "\n", 1, "larger than 1 MiB"),
    ],
)
def test_broken_sources(inspect, source, line, message):
    found = inspect({"handler.py": source, "other.py": "import os"})
    first, second = found["problems"]
    assert (first["rule"], first["file"], first["line"]) == ("syntax", "handler.py", line)
    assert message in first["message"]
    assert first["column"] >= 1 and second["file"] == "other.py"


def test_other_encodings_are_fine(inspect):
    assert inspect({"a.py": b"# coding: latin-1\nx = '\xe9'\n"})["problems"] == []
    assert inspect({"a.py": "\ufeffx = 1\r\n"})["problems"] == []
    assert inspect({"a.py": "x = '\\d'\n"})["problems"] == []  # a warning of Python's, no more


@pytest.mark.parametrize(
    "source",
    [
        "import absent\nabsent.x",
        "import absent.sub\nabsent.sub.x",
        "import absent as a\na.b.c()",
        "from absent import x as y\nprint(y)",
        "from absent import x, y\nprint(y)",
        "from absent import *",
        "import absent as a\n__all__ = ['a']",
        "import absent as a\n__all__ = []\n__all__ += ['a']",
        "import absent as a\n__all__.extend(['a'])",
        "import absent as a\ndef f(x: 'a.B'): ...",
        "import absent as a\ndef f() -> 'list[a.B]': ...",
        "import absent as a\ndef f(x: dict[str, 'a.B']): ...",
        "import absent as a\nx: 'a.B' = 1",
        "import absent as a\nx = y  # type: a.B",
        "import absent as a\ndef f(x):\n    # type: (a.B) -> int\n    return 1",
        "import absent as a\nimport typing\nx = typing.cast('a.B', y)",
        "from absent import x\ndel x",
        "from absent import x\nx += 1",
        "def f():\n    global x\n    from absent import x",
        "import absent as a\nx = lambda: a",
        "import absent as a\nprint(f'{a.x}')",
        "@a.b\ndef f(): ...\nimport absent as a",
        "import absent as a\nprint(globals()['a'])",
    ],
)
def test_used(imports, source):
    (found,) = [x for name, x in imports(source).items() if name.startswith("absent")]
    assert found["used"] and not found["available"]


@pytest.mark.parametrize(
    "source",
    [
        "import absent",
        "import absent as a\nabsent = 1\nprint(absent)",
        "import absent.x as y\nprint(absent)",
        "from absent import x\nx = 1",
        "import absent as a\nself.a",
        "import absent as a\nprint('a')  # a",
        "import absent as a\ndef f(x: 'not a type, a'): ...",
        "def f():\n    import absent",
    ],
)
def test_unused(imports, source):
    (found,) = [x for name, x in imports(source).items() if name.startswith("absent")]
    assert not found["used"]


def test_each_alias_counts_for_itself(imports):
    found = imports("import math, absent, json as j\nprint(math, j)")
    assert {name: x["used"] for name, x in found.items()} == {"math": True, "absent": False, "json": True}


@pytest.mark.parametrize(
    "files, used",
    [
        ({"pkg/__init__.py": "import absent as np"}, True),
        ({"pkg/__init__.py": "def f():\n    import absent as np"}, False),
        ({"a.py": "import absent as np", "b.py": "from a import np"}, True),
        ({"a.py": "import absent as np", "b.py": "from a import *"}, True),
        ({"a.py": "import absent as np", "b.py": "import a\na.np.pi"}, True),
        ({"a.py": "import absent as np", "b.py": "from a import other\nnp = 1"}, False),
        ({"p/a.py": "import absent as np", "p/b.py": "from .a import np"}, True),
        ({"p/a.py": "import absent as np", "p/q/b.py": "from ..a import np"}, True),
    ],
)
def test_names_taken_by_other_files(imports, files, used):
    assert imports(files)["absent"]["used"] is used


@pytest.mark.parametrize(
    "source, guarded",
    [
        ("try:\n    import absent\nexcept ImportError:\n    absent = None", True),
        ("try:\n    import absent\nexcept (KeyError, ModuleNotFoundError):\n    pass", True),
        ("try:\n    import absent\nexcept:\n    pass", True),
        ("try:\n    if x:\n        import absent\nexcept Exception as e:\n    pass", True),
        ("from contextlib import suppress\nwith suppress(ImportError):\n    import absent", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import absent", True),
        ("import typing as t\nif t.TYPE_CHECKING:\n    def f():\n        import absent", True),
        ("from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    pass\nelse:\n    import absent", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import absent", False),
        ("try:\n    import absent\nexcept ValueError:\n    pass", False),
        ("try:\n    import absent\nexcept ImportError as e:\n    raise RuntimeError('no') from e", False),
        ("try:\n    import math\nexcept ImportError:\n    import absent", False),
        ("try:\n    pass\nfinally:\n    import absent", False),
        ("try:\n    def f():\n        import absent\nexcept ImportError:\n    pass", False),
        ("if x:\n    import absent", False),
    ],
)
def test_guarded(imports, source, guarded):
    assert imports(source)["absent"]["guarded"] is guarded


def test_relative_imports_are_named_in_full(imports):
    found = imports({"p/q/a.py": "from . import b\nfrom .c import d\nfrom .. import e\nfrom ..f.g import h"})
    assert set(found) == {"p.q", "p.q.c", "p", "p.f.g"}


@pytest.fixture
def finder(tmp_path, monkeypatch):
    for path in ("deps/pkg/__init__.py", "deps/pkg/sub/mod.py", "deps/single.py", "deps/six.py"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise SystemExit('was imported')")
    (tmp_path / "deps/space/inner").mkdir(parents=True)
    (tmp_path / "deps/space/inner/leaf.py").write_text("")
    (tmp_path / "deps/native.so").write_text("")
    return check.Finder([str(tmp_path / "deps"), *sys.path])


@pytest.mark.parametrize(
    "module",
    ["pkg", "pkg.sub", "pkg.sub.mod", "single", "space.inner.leaf", "six.moves.urllib", "sys", "os.path",
     "zipimport", "json.decoder", "xml.etree.ElementTree", "email.mime.text", "math"],
)  # fmt: skip
def test_found_without_being_imported(finder, module):
    assert finder(module)


@pytest.mark.parametrize("module", ["absent", "pkg.absent", "single.sub", "pkg.sub.mod.x", "math.x"])
def test_not_found(finder, module):
    assert not finder(module)


def test_what_the_image_has_needs_no_file(finder, monkeypatch):
    monkeypatch.setitem(sys.modules, "in_image", types.ModuleType("in_image"))
    monkeypatch.setitem(sys.modules, "refused", None)
    assert finder("in_image") and not finder("refused")


def test_a_module_stands_on_its_native_half(finder, monkeypatch):
    for name in ("ssl", "curses", "curses.ascii"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "_ssl", None)
    monkeypatch.setitem(sys.modules, "_curses", None)
    assert not finder("ssl") and not finder("curses.ascii")


def test_native_modules_of_other_systems(finder, monkeypatch):
    assert finder("native")
    monkeypatch.setattr(sys, "platform", "wasi")
    finder._known.clear()
    assert not finder("native")


def test_a_name_that_python_has_and_the_package_too(inspect):
    # Not blocked, so no problem: which of the two comes first is Python's affair.
    assert inspect({"statistics.py": "", "handler.py": "import statistics"})["problems"] == []
