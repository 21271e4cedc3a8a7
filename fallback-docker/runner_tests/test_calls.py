"""What a call gives: results, failures, messages, files; and the other operations."""

import json

import pytest

LEVELS = ("debug", "info", "warning", "error")


def test_a_result(host):
    host.prepare(files="def calculate(a: float, b: float = 2.0):\n    return {'sum': a + b}\n")
    assert host.value({"a": 1}) == {"sum": 3.0}
    assert host.value({"a": 1, "b": 1}) == {"sum": 2.0}


def test_numbers_keep_their_text(host):
    host.prepare(files="def calculate(inputs):\n    return inputs\n")
    host.order(b'{"n": 123456789012345678901234567890, "x": 1e-7}')
    _, _, data = host.outcome()
    assert data == b'{"n":123456789012345678901234567890,"x":1e-07}'


def test_a_class_and_its_constructors_inputs(host):
    text = """
        class Beam:
            def __init__(self, start: int): self.start = start
            def run(self, length: int): return self.start + length
        """
    host.prepare("handler.Beam:run", {"handler.py": text})
    assert host.value({"start": 1, "length": 2}) == 3


def test_a_coroutine(host):
    host.prepare(files="import asyncio\nasync def calculate(inputs):\n    await asyncio.sleep(0)\n    return 7\n")
    assert host.value() == 7


def test_large_inputs_and_results(host):
    host.prepare(files="def calculate(inputs):\n    return inputs['x'] * 2\n")
    text = "é" * (3 << 20)
    assert host.value({"x": text}) == text * 2


def test_what_is_raised(host):
    text = """
        import json
        def calculate(inputs):
            return inner()
        def inner():
            raise ValueError("not so: é")
        """
    host.prepare(files=text)
    failure = host.failure()
    assert (failure["kind"], failure["class"], failure["message"]) == ("raised", "ValueError", "not so: é")
    assert failure["traceback"].startswith('Traceback (most recent call last):\n  File "handler.py", line 4')
    assert 'File "handler.py", line 6, in inner' in failure["traceback"]
    assert failure["traceback"].count("File ") == 2


def test_frames_of_the_standard_library_are_named_as_in_the_sandbox(host):
    host.prepare(files="import json\ndef calculate(inputs):\n    return json.loads('{')\n")
    assert 'File "/python/json/decoder.py"' in host.failure()["traceback"]


def test_a_dependencys_frames(host):
    host.prepare(
        files="import solver\ndef calculate(inputs):\n    return solver.solve()\n",
        deps={"solver.py": "def solve():\n    raise KeyError('x')\n"},
    )
    assert 'File "deps/solver.py", line 2, in solve' in host.failure()["traceback"]


def test_inputs_that_do_not_fit(host):
    host.prepare(files="def calculate(a: int):\n    return a\n")
    failure = host.failure({"a": "x", "b": 1})
    assert failure["kind"] == "invalid_inputs"
    assert [(x["pointer"], x["rule"]) for x in failure["violations"]] == [
        ("/a", "type"),
        ("/b", "additionalProperties"),
    ]
    assert failure["violations"][0]["value"] == "x"


def test_a_result_without_a_json_form(host):
    host.prepare(files="def calculate(inputs):\n    return {'x': float('nan')}\n")
    failure = host.failure()
    assert failure["kind"] == "invalid_outputs" and failure["message"].startswith("$.x")


@pytest.mark.parametrize("result, size", [("'x' * 100", 102), ("'é' * 49", 100)])
def test_a_result_that_is_too_large(host, result, size):
    host.prepare(files=f"def calculate(inputs):\n    return {result}\n")
    failure = host.failure(most=99)
    assert failure["kind"] == "output_too_large" and str(size) in failure["message"]
    assert host.value(most=102)


def test_no_handler(host):
    host.prepare("handler:other", {"handler.py": "def calculate(inputs): pass\n"})
    failure = host.failure()
    assert failure["kind"] == "no_handler" and "`calculate`" in failure["message"]


def test_an_import_that_fails(host):
    host.prepare(files="import math\nimport absent\n")
    failure = host.failure()
    assert failure["class"] == "ModuleNotFoundError"
    assert failure["missing"] == {"name": "absent", "file": "handler.py", "line": 2}
    assert failure["traceback"].count("File ") == 1


def test_imports_that_are_left_out(host):
    left_out = [{"name": "absent", "file": "handler.py", "line": 1}]
    host.prepare(files="import absent\ndef calculate(inputs):\n    return 1\n", left_out=left_out)
    assert host.value() == 1


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt()", "RecursionError()"])
def test_exceptions_that_leave_programs(host, error):
    host.prepare(files=f"def calculate(inputs):\n    raise {error}\n")
    assert host.failure()["class"] == error.partition("(")[0]


def test_deep_recursion(host):
    host.prepare(files="def calculate(inputs):\n    return calculate(inputs)\n")
    assert host.failure()["class"] == "RecursionError"


def test_logs_prints_and_progress_come_in_order(host):
    text = """
        import logging, mecapy, sys, warnings
        print("imported")
        def calculate(inputs):
            print("one")
            mecapy.log("two", level="debug")
            print("three", file=sys.stderr)
            logging.getLogger("deep").warning("four")
            mecapy.progress(0.25, "five")
            print("no line end", end="")
        """
    host.prepare(files=text)
    for _ in range(2):
        assert host.call()["said"] == [
            {"type": "print", "stream": "stdout", "bytes": True, "data": b"imported\n"},
            {"type": "print", "stream": "stdout", "bytes": True, "data": b"one\n"},
            {"type": "log", "level": "debug", "message": "two"},
            {"type": "print", "stream": "stderr", "bytes": True, "data": b"three\n"},
            {"type": "log", "level": "warning", "message": "deep: four"},
            {"type": "progress", "fraction": 0.25, "message": "five"},
            {"type": "print", "stream": "stdout", "bytes": True, "data": b"no line end"},
        ]


def test_all_levels_and_odd_text(host):
    text = f"""
        import mecapy
        def calculate(inputs):
            for level in {LEVELS}:
                mecapy.log("é\\ud800\\0", level=level)
            mecapy.log("x" * 3_000_000)
            mecapy.log("\\1" * 3_000_000)
        """
    host.prepare(files=text)
    outcome = host.call()
    assert [x["level"] for x in outcome["said"][:4]] == list(LEVELS)
    assert outcome["said"][0]["message"] == "é\\ud800\0"
    assert all(len(x["message"]) > 100_000 for x in outcome["said"][4:])


def test_what_programs_and_c_code_print(host):
    text = """
        import ctypes, os, subprocess
        def calculate(inputs):
            os.write(1, b"raw")
            subprocess.run(["echo", "program"], check=True)
            ctypes.CDLL(None).printf(b"from C")
            os.write(2, b"\\xff")
        """
    host.prepare(files=text)
    said = host.call()["said"]
    printed = {
        stream: b"".join(x["data"] for x in said if x["stream"] == stream) for stream in ("stdout", "stderr")
    }
    assert printed == {"stdout": b"rawprogram\nfrom C", "stderr": b"\xff"}


def test_there_is_nothing_to_read_on_standard_input(host):
    host.prepare(files="def calculate(inputs):\n    return input()\n")
    assert host.failure()["class"] == "EOFError"


def test_files(host):
    text = """
        import mecapy
        def calculate(inputs):
            data = mecapy.files.read("in/large")
            with mecapy.files.open("in/text", "r") as file:
                lines = file.readlines()
            mecapy.files.write("out/copy", data)
            with mecapy.files.open("out/text", "w") as file:
                file.write("".join(reversed(lines)))
            return len(data)
        """
    host.prepare(files=text)
    host.files = {"in/large": bytes(range(256)) * (3 << 12), "in/text": "é\nb\n".encode()}
    assert host.value() == 3 << 20
    assert host.published == {"out/copy": host.files["in/large"], "out/text": "b\né\n".encode()}
    assert host.asked.count("drop") == 4 and not host._open


@pytest.mark.parametrize(
    "request_, kind, error",
    [
        ("open", "not_found", "FileNotFoundError"),
        ("open", "invalid_key", "ValueError"),
        ("create", "invalid_key", "ValueError"),
        ("read", "unavailable", "OSError"),
        ("write", "unavailable", "OSError"),
        ("finish", "unavailable", "OSError"),
    ],
)
def test_files_that_are_refused(host, request_, kind, error):
    text = """
        import mecapy
        def calculate(inputs):
            mecapy.files.read("a")
            mecapy.files.write("b", b"x")
        """
    host.prepare(files=text)
    host.files, host.refusal = {"a": b"content"}, (request_, kind)
    assert host.failure()["class"] == error
    assert host.published == {} and not host._open


def test_a_file_that_is_not_closed_is_not_kept(host):
    text = """
        import gc, mecapy
        def calculate(inputs):
            file = mecapy.files.open("out", "w")
            file.write("x")
            del file
            gc.collect()
        """
    host.prepare(files=text)
    said = host.call()["said"]
    assert host.published == {} and not host._open
    assert "was not closed" in said[0]["message"]


def test_files_are_asked_for_while_a_module_is_imported(host):
    host.prepare(files="import mecapy\nDATA = mecapy.files.read('a')\ndef calculate(inputs):\n    return len(DATA)\n")
    host.files = {"a": b"12345"}
    assert host.value() == 5
    assert host.value() == 5


def test_describe(host):
    host.prepare(files='def calculate(a: int, b: str = "x") -> float:\n    """Adds."""\n')
    described = host.value(operation="describe")
    assert described["inputs_schema"]["required"] == ["a"] and described["description"] == "Adds."


def test_describe_tells_a_failing_import(host):
    host.prepare(files="1/0\n")
    assert host.failure(operation="describe")["class"] == "ZeroDivisionError"


def test_the_packages_own_tests(host):
    files = {
        "handler.py": "def calculate(a: int):\n    return a + 1\n",
        "tests/test_it.py": """
            import handler
            def test_right(): assert handler.calculate(1) == 2
            def test_wrong(): assert handler.calculate(1) == 3
            """,
    }
    host.prepare(None, files)
    for _ in range(2):
        report = host.value(operation="test")
        assert (report["passed"], report["failed"]) == (1, 1)
        assert [x["outcome"] for x in report["tests"]] == ["passed", "failed"]


def test_inspect(host):
    host.prepare(None, {"handler.py": "import subprocess, math\n", "boom.py": "1/0\n"})
    policy = {"blocked_modules": ["subprocess"], "allowed_modules": None, "blocked_calls": []}
    found = host.value(policy, operation="inspect")
    assert [(x["file"], x["rule"]) for x in found["problems"]] == [("handler.py", "import")]
    assert [x["available"] for x in found["imports"]] == [True, True]


def test_a_call_without_a_handler(host):
    host.prepare(None, {"handler.py": ""})
    assert host.failure()["kind"] == "no_handler"
    assert host.failure(operation="describe")["kind"] == "no_handler"


def test_the_real_pydantic_comes_before_the_stand_in(make_host):
    text = "import pydantic\ndef calculate(inputs):\n    return getattr(pydantic, 'MINE', 'stand-in')\n"
    host = make_host()
    host.prepare(files=text, deps={"pydantic/__init__.py": "MINE = 'real'"})
    assert host.value() == "real"
    host = make_host()
    host.prepare(files=text)
    assert host.value() == "stand-in"


def test_names_of_the_runners_own_are_free(host):
    names = ("frames", "main", "child", "call", "encode", "system", "messages", "channel")
    files = {f"{name}.py": f"NAME = 'own {name}'\n" for name in names}
    files["handler.py"] = f"""
        import importlib
        def calculate(inputs):
            return [importlib.import_module(x).NAME for x in {names}]
        """
    host.prepare(files=files)
    assert host.value() == [f"own {name}" for name in names]


def test_the_package_is_where_it_is(host):
    text = """
        import os, pathlib, sys
        HERE = pathlib.Path(__file__).parent
        def calculate(inputs):
            return [open("data/x.txt").read(), (HERE / "data/x.txt").read_text(), sys.argv,
                    sys.path[0] == os.getcwd(), __import__("__main__").__dict__.get("__file__")]
        """
    host.prepare(files={"handler.py": text, "data/x.txt": "steel"})
    assert host.value() == ["steel", "steel", [""], True, None]


def test_threads_programs_and_pools_work(host):
    text = """
        import concurrent.futures as futures, math, multiprocessing, threading
        def calculate(inputs):
            found = []
            thread = threading.Thread(target=lambda: found.append(1))
            thread.start()
            thread.join()
            with futures.ThreadPoolExecutor(2) as pool:
                found += pool.map(math.factorial, [3, 4])
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    found += pool.map(math.factorial, [5, 6])
            return found
        """
    host.prepare(files=text)
    outcome = host.call()
    assert outcome["value"] == [1, 6, 24, 120, 720, 120, 720], json.dumps(outcome)
    assert host.value() == outcome["value"]
