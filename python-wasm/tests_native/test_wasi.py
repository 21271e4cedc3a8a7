"""What stands in for a system, and pytest run within: each in an interpreter of its own."""

import json
import pathlib
import subprocess
import sys
import textwrap

import pytest

GUEST = pathlib.Path(__file__).parents[1] / "guest"


def python(code, *arguments):
    """What `code` prints, in a fresh interpreter with the guest's modules."""
    start = f"import sys; sys.path[:0] = [{str(GUEST)!r}, {str(GUEST / 'site')!r}]\n"
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error::RuntimeWarning", "-c", start + textwrap.dedent(code), *arguments],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


LACKING = """
    import os, sys
    for name in "getuid geteuid getgid getegid getgroups getppid getlogin umask".split():
        delattr(os, name)
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name in ("_bz2", "_multiprocessing", "pwd", "grp"):
                raise ModuleNotFoundError(name)
    for name in ("pwd", "grp"):
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing())
    from mecapy_shim import wasi
    wasi.install()

    def refused(function, *arguments):
        try:
            function(*arguments)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "no error"
"""


def lacking(code):
    """What `code` prints where all that WASI lacks is missing, and filled in."""
    return python(textwrap.dedent(LACKING) + textwrap.dedent(code))


def test_there_is_one_user():
    assert lacking("""
        import getpass, os, pwd, grp
        os.environ.clear()
        print(os.getuid(), os.getegid(), os.getgroups(), os.getppid(), os.getlogin(), os.cpu_count())
        print(getpass.getuser(), os.path.expanduser("~/x"), grp.getgrgid(os.getgid()).gr_name)
        print(pwd.getpwuid(0).pw_name, refused(pwd.getpwnam, "root"), os.umask(0))
    """).splitlines() == [
        "0 0 [0] 1 sandbox 1",
        "sandbox /tmp/x sandbox",
        "sandbox KeyError: \"getpwnam(): name not found: 'root'\" 18",
    ]


def test_what_a_system_has_stays():
    out = python("""
        import os
        real = os.getuid
        from mecapy_shim import wasi
        wasi.install()
        import _ctypes
        print(os.getuid is real, _ctypes.__name__, "_stand_ins" in sys.modules)
    """)
    assert out == "True _ctypes False\n"


def test_threads_are_refused():
    out = lacking("""
        import concurrent.futures, queue, threading
        print(refused(threading.Thread(target=print).start))
        print(refused(threading.Timer(1, print).start))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            print(refused(pool.submit, print))
            print(refused(pool.map, print, [1]))
        with threading.Lock(), threading.RLock():
            print(threading.current_thread().name, threading.local(), queue.Queue().empty())
    """)
    lines = out.splitlines()
    assert all(line.startswith("RuntimeError: threads cannot be started in the sandbox") for line in lines[:4])
    assert lines[4].startswith("MainThread")


def test_processes_are_refused():
    lines = lacking("""
        import concurrent.futures, multiprocessing, subprocess
        from multiprocessing import Pool, Process, Queue, shared_memory
        print(multiprocessing.cpu_count(), multiprocessing.current_process().name)
        for function in (Process(target=print).start, Pool, Queue, multiprocessing.Lock,
                         multiprocessing.Manager, multiprocessing.get_context("spawn").Pool):
            print(refused(function))
        print(refused(multiprocessing.Value, "i", 1))
        print(refused(concurrent.futures.ProcessPoolExecutor))
        print(refused(subprocess.run, ["ls"]))
    """).splitlines()
    assert lines[0] == "1 MainProcess"
    assert len(lines) == 10 and all("the sandbox runs one process" in line for line in lines[1:9])
    assert lines[9].endswith("no program can be started in the sandbox")


def test_the_network_is_refused():
    lines = lacking("""
        import socket, urllib.request
        print(refused(socket.socket))
        print(refused(socket.socketpair))
        print(refused(socket.create_connection, ("localhost", 80)))
        print(refused(urllib.request.urlopen, "http://localhost"))
    """).splitlines()
    assert len(lines) == 4 and all("there is no network in the sandbox" in line for line in lines)


def test_coroutines_run():
    assert lacking("""
        import asyncio, time
        async def twice(x):
            await asyncio.sleep(0.01 * x)
            return 2 * x
        async def main():
            task = asyncio.create_task(twice(3))
            try:
                await asyncio.wait_for(asyncio.sleep(60), 0.01)
            except asyncio.TimeoutError:
                print("late")
            return await asyncio.gather(twice(1), twice(0), task)
        print(asyncio.run(main()), asyncio.run(twice(1)))

        async def forever():
            await asyncio.get_running_loop().create_future()
        print(refused(lambda: asyncio.run(forever())))
        async def thread():
            await asyncio.to_thread(print)
        print(refused(lambda: asyncio.run(thread()))[:47])
        async def connect():
            await asyncio.open_connection("localhost", 80)
        print(refused(lambda: asyncio.run(connect())))
    """).splitlines() == [
        "late",
        "[2, 0, 6] 2",
        "RuntimeError: the code waits for something that cannot happen: a call has no network, and one thread",
        "RuntimeError: threads cannot be started in the ",
        "gaierror: [Errno -4] there is no network in the sandbox: take it as an input, or through mecapy.files",
    ]


def test_coroutines_sleep_while_the_clock_stands_still():
    out = lacking("""
        import asyncio, time
        slept = []
        time.monotonic, time.sleep = lambda: 5.0, slept.append
        async def main():
            await asyncio.gather(asyncio.sleep(3), asyncio.sleep(1))
        asyncio.run(main())
        print([round(x, 6) for x in slept])
    """)
    assert out == "[1.0, 2.0]\n"


def test_logging_goes_to_the_log_once():
    out = lacking("""
        import logging, mecapy
        wasi.install()
        print([type(x) is mecapy.HostHandler for x in logging.getLogger().handlers], logging.getLogger().level)
    """)
    assert out == "[True] 20\n"


def test_compression_can_be_imported():
    out = lacking("""
        import bz2, io, tarfile, zipfile
        print(refused(bz2.compress, b"x"))
        print(refused(bz2.open, io.BytesIO(b"BZh")))
    """)
    assert out == "OSError: there is no bzip2 in the sandbox: use gzip, or zlib\n" * 2


# Python 3.14, for which the stand-in is made, has these in Python.
CTYPES = """
    import sys
    from _stand_ins import _ctypes
    sys.modules["_ctypes"] = _ctypes
    if sys.version_info < (3, 14):
        _ctypes._pointer_type_cache = {None: None}
        _ctypes.POINTER = lambda kind: type("Pointer", (_ctypes._Pointer,), {"_type_": kind})
        _ctypes.pointer = _ctypes.byref
    import ctypes
    from ctypes import *
"""


def test_ctypes_can_be_imported_and_declared_with():
    out = python(CTYPES + """
    print(sizeof(c_int), sizeof(c_double), sizeof(c_char * 5), sizeof(c_void_p) == sizeof(POINTER(c_int)))
    print(c_short(-1).value, c_ushort(-1).value, c_byte(200).value, c_double(2).value, c_bool(3).value)
    print(c_float(0.1).value == 0.1, c_char().value, c_int(4), bool(c_int()))
    class Point(Structure):
        _fields_ = [("x", c_int), ("next", POINTER(c_int)), ("name", c_char * 8)]
    class Either(Union):
        _fields_ = [("x", c_int)]
    class Swapped(BigEndianStructure):
        _fields_ = [("x", c_int)]
    CALLBACK = CFUNCTYPE(c_int, POINTER(Point))
    def refused(function, *arguments):
        try:
            function(*arguments)
        except Exception as error:
            return type(error).__name__
    @CALLBACK
    def callback(point): ...
    print(*(refused(*x) for x in [(CDLL, "libm.so"), (cdll.LoadLibrary, "m"), (Point,), (byref, c_int()),
        (create_string_buffer, 3), (callback, None), (memset, 0, 0, 0), (c_int.from_address, 0)]))
    print(refused(getattr, pythonapi, "PyLong_Type"))
    """)
    assert out.splitlines() == [
        "4 8 5 True",
        "-1 65535 -56 2.0 True",
        "False b'\\x00' c_int(4) False",
        " ".join(["OSError"] * 8),
        "AttributeError",
    ]


@pytest.fixture
def report(tmp_path):
    """The report on tests given by file name."""

    def run(files):
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
        code = """
            import json
            from mecapy_shim.testing import run_tests
            real = sys.stdout
            print(json.dumps(run_tests(sys.argv[1])), file=real)
        """
        return json.loads(python(code, str(tmp_path)))

    return run


def outcomes(report):
    return {x["name"].removeprefix("tests/"): x["outcome"] for x in report["tests"]}


def test_each_test_is_reported(report):
    found = report({
        "handler.py": "def calculate(x): return 2 * x",
        "tests/helper.py": "LIMIT = 3",
        "tests/conftest.py": "import pytest\n@pytest.fixture\ndef two(): return 2",
        "tests/test_a.py": """
            import sys, unittest
            import pytest
            from handler import calculate
            from helper import LIMIT

            def test_good(two): assert calculate(1) == two
            def test_bad(): assert calculate(1) == LIMIT
            def test_exits(): sys.exit(3)
            @pytest.mark.parametrize("x", [1, 2])
            def test_each(x): assert x == 1
            def test_tools(tmp_path, monkeypatch, capsys, caplog):
                (tmp_path / "a").write_text("1")
                monkeypatch.setenv("A", "1")
                print("said")
                assert capsys.readouterr().out == "said\\n"
            @pytest.mark.skip(reason="later")
            def test_skipped(): ...
            @pytest.mark.xfail(reason="known")
            def test_expected(): assert False
            @pytest.mark.xfail(strict=True)
            def test_unexpected(): ...
            @pytest.fixture
            def broken(): raise ValueError("no fixture")
            def test_setup(broken): ...
            @pytest.fixture
            def closing():
                yield
                raise ValueError("no teardown")
            def test_teardown(closing): ...
            class TestCase(unittest.TestCase):
                def test_method(self): self.assertEqual(1, 1)
        """,
    })  # fmt: skip
    assert outcomes(found) == {
        "test_a.py::test_good": "passed",
        "test_a.py::test_bad": "failed",
        "test_a.py::test_exits": "failed",
        "test_a.py::test_each[1]": "passed",
        "test_a.py::test_each[2]": "failed",
        "test_a.py::test_tools": "passed",
        "test_a.py::test_skipped": "skipped",
        "test_a.py::test_expected": "skipped",
        "test_a.py::test_unexpected": "failed",
        "test_a.py::test_setup": "error",
        "test_a.py::test_teardown": "error",
        "test_a.py::TestCase::test_method": "passed",
    }
    assert (found["passed"], found["failed"], found["skipped"]) == (4, 6, 2)
    messages = {x["name"].split("::")[-1]: x.get("message") for x in found["tests"]}
    assert messages["test_good"] is None
    assert messages["test_bad"].startswith("tests/test_a.py:8: in test_bad")
    assert "assert 2 == 3" in messages["test_bad"]
    assert "SystemExit: 3" in messages["test_exits"]
    assert messages["test_skipped"] == "later" and messages["test_expected"] == "expected to fail: known"


def test_what_cannot_be_collected_is_an_error(report, tmp_path):
    found = report({
        "tests/test_import.py": "import absent_module",
        "tests/test_syntax.py": "x = 1\nif x\n",
        "tests/test_skip.py": "import pytest\npytest.importorskip('absent_module')",
        "tests/test_good.py": "def test_good(): ...",
    })  # fmt: skip
    assert outcomes(found) == {
        "test_import.py": "error",
        "test_syntax.py": "error",
        "test_skip.py": "skipped",
        "test_good.py::test_good": "passed",
    }
    assert (found["passed"], found["failed"], found["skipped"]) == (1, 2, 1)
    messages = {x["name"]: x.get("message", "") for x in found["tests"]}
    assert "tests/test_import.py:1" in messages["tests/test_import.py"]
    assert '"tests/test_syntax.py", line 2' in messages["tests/test_syntax.py"]
    assert "_pytest" not in str(messages)
    assert str(tmp_path) not in str(messages)


@pytest.mark.parametrize(
    "source, message",
    [
        ("import sys\nsys.exit(0)", "SystemExit"),
        ("import pytest\ndef test_a(): pytest.exit('enough')", "enough"),
        ("def test_a(): raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_what_stops_pytest_is_an_error(report, source, message):
    found = report({"tests/test_a.py": source})
    assert found["failed"] >= 1 and message in found["tests"][-1]["message"]


def test_settings_of_the_package_hold(report):
    found = report({
        "pyproject.toml": "[tool.pytest.ini_options]\npython_functions = ['check_*']",
        "tests/test_a.py": "def check_it(): ...\ndef test_not(): assert 0",
    })  # fmt: skip
    assert outcomes(found) == {"test_a.py::check_it": "passed"}
    found = report({"pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--absent-option'"})
    assert found["failed"] == 1 and "--absent-option" in found["tests"][0]["message"]


def test_no_tests(report):
    nothing = {"passed": 0, "failed": 0, "skipped": 0, "tests": []}
    assert report({"handler.py": ""}) == nothing
    assert report({"tests/test_a.py": ""}) == nothing


def test_nothing_is_written_beside_the_sources(report, tmp_path):
    report({"tests/test_a.py": "def test_a(): ..."})
    assert sorted(x.name for x in tmp_path.rglob("*")) == ["test_a.py", "tests"]


def test_reports_are_bounded(report):
    found = report({
        "tests/test_many.py": """
            import pytest
            @pytest.mark.parametrize("x", range(1_500))
            def test_many(x): assert x < 1_400, "long" * 5_000
        """
    })  # fmt: skip
    assert (found["passed"], found["failed"]) == (1_400, 100)
    assert len(found["tests"]) == 1_001
    assert found["tests"][-1]["message"] == "and 500 more tests"
    assert sum(x["outcome"] == "failed" for x in found["tests"]) == 100
    assert max(len(x.get("message", "")) for x in found["tests"]) <= 8 * 1024 + 2


def test_without_pytest():
    out = python("""
        import os, tempfile
        sys.modules["pytest"] = None
        folder = tempfile.mkdtemp()
        os.mkdir(os.path.join(folder, "tests"))
        from mecapy_shim.testing import run_tests
        try:
            run_tests(folder)
        except RuntimeError as error:
            print(error)
    """)
    assert out.startswith("the tests need pytest, which cannot be imported here")
