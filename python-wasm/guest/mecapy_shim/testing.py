"""Runs the package's `tests/` with pytest, in this very interpreter, and reports on each test.

pytest comes with the package's dependencies while tests are run; it is no part of the image.
"""

import contextlib
import io
import os
import re
import sys
import tempfile

MAX_TESTS = 1_000
"""Results that are listed, the last of them kept for what did not pass; all are counted."""

MAX_MESSAGE = 8 * 1024
"""Characters of one result's message, of which the end matters most."""

_RESERVED = 100

# Frames of a traceback between pytest and the test's file.
_MACHINERY = re.compile(
    r"^(?:\S*/_pytest/\S+|\S*/importlib/\S+|<frozen [^>]+>):\d+: in .*\n(?:    .*\n)*", re.MULTILINE
)

# The sandbox has one thread, no descriptors to redirect, no signals, and read-only sources.
_OPTIONS = """
    --capture=sys --continue-on-collection-errors --import-mode=prepend --tb=short --color=no
    -p no:cacheprovider -p no:faulthandler -p no:threadexception -p no:unraisableexception
""".split()


def run_tests(root="/app"):
    """Runs the tests in `root`'s `tests` folder; the answer has the JSON form of `TestReport`.

    What cannot be collected or set up has the outcome `error`, and counts as failed. Raises
    `RuntimeError` where there is no pytest. The current folder and `sys.path` stay changed.
    """
    results = _Results(root)
    folder = os.path.join(root, "tests")
    if not os.path.isdir(folder):
        return results.report()
    try:
        import pytest
    except ImportError as error:
        raise RuntimeError(f"the tests need pytest, which cannot be imported here: {error}") from error
    sys.dont_write_bytecode = True
    sys.path[:] = [root, *(entry for entry in sys.path if entry != root)]
    os.chdir(root)
    said = _Tail()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        options = [folder, f"--rootdir={root}", f"--basetemp={scratch}/tests", *_OPTIONS]
        status = pytest.main(options, plugins=[results])
    stopped = status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if stopped and status != pytest.ExitCode.NO_TESTS_COLLECTED and not results.broken:
        results.add("tests", "error", f"pytest stopped before the end: {said.text.strip()}")
    return results.report()


class _Tail(io.TextIOBase):
    """Keeps the end of what pytest prints, which says why it stopped."""

    text = ""

    def writable(self):
        return True

    def write(self, text):
        self.text = (self.text + text)[-MAX_MESSAGE:]
        return len(text)


class _Results:
    """A plugin of pytest that notes what came of each test."""

    def __init__(self, root):
        self.root = root
        self.counts = {"passed": 0, "failed": 0, "error": 0, "skipped": 0}
        self.tests, self.unlisted = [], 0
        self.broken = False  # whether something other than a test failed, and is listed
        self.found = None  # outcome and message of the running test, unless all is well

    def pytest_internalerror(self, excrepr):
        self.broken = True
        self.add("tests", "error", str(excrepr))

    def pytest_collectreport(self, report):
        if report.failed:
            self.broken = True
            self.add(report.nodeid or "tests", "error", report.longreprtext)
        elif report.skipped:
            self.add(report.nodeid, "skipped", _reason(report))

    def pytest_runtest_logreport(self, report):
        """A test's setup, itself, its subtests and its teardown; the first that fails counts."""
        if report.failed:
            if self.found is None or self.found[0] == "skipped":
                outcome = "failed" if report.when == "call" else "error"
                self.found = (outcome, report.longreprtext)
        elif report.skipped and self.found is None and not hasattr(report, "context"):
            self.found = ("skipped", _reason(report))

    def pytest_runtest_logfinish(self, nodeid):
        self.add(nodeid, *(self.found or ("passed", None)))
        self.found = None

    def add(self, name, outcome, message):
        """Counts a result, and lists it while there is room."""
        self.counts[outcome] += 1
        if len(self.tests) >= MAX_TESTS - (_RESERVED if outcome in ("passed", "skipped") else 0):
            self.unlisted += 1
            return
        result = {"name": name, "outcome": outcome}
        if message:
            result["message"] = self._text(message)
        self.tests.append(result)

    def report(self):
        """All of it in `TestReport`'s form."""
        counts, tests = self.counts, self.tests
        failed = counts["failed"] + counts["error"]
        if self.unlisted:
            listed = sum(result["outcome"] in ("failed", "error") for result in tests)
            outcome = "failed" if failed > listed else "passed"
            more = {"name": "tests", "outcome": outcome, "message": f"and {self.unlisted} more tests"}
            tests = [*tests, more]
        return {
            "passed": counts["passed"],
            "failed": failed,
            "skipped": counts["skipped"],
            "tests": tests,
        }

    def _text(self, message):
        """The message with paths as in the package, cut at its start where it is too long."""
        message = _MACHINERY.sub("", message.replace(self.root.rstrip("/") + "/", "")).strip()
        if len(message) > MAX_MESSAGE:
            message = "… " + message[-MAX_MESSAGE:]
        return message.encode("utf-8", "backslashreplace").decode()


def _reason(report):
    """Why a test was skipped, or was expected to fail."""
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return f"expected to fail: {expected}" if expected else "expected to fail"
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext
