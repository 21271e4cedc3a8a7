"""What authors see of the platform, against a host and on their own machine alike."""

import dataclasses
import enum
import gc
import io
import logging
import os
import sys
import types

import pytest


@dataclasses.dataclass(frozen=True)
class Err(Exception):
    value: object


class Host:
    """The host's side of the world, with its files in memory."""

    def __init__(self):
        self.kept, self.logged, self.reported, self.dropped = {}, [], [], 0
        self.refuses_after = None
        self.modules = {
            "log": types.SimpleNamespace(Level=Level, write=lambda *x: self.logged.append(x)),
            "progress": types.SimpleNamespace(report=lambda *x: self.reported.append(x)),
            "files": types.SimpleNamespace(
                open=self.open, create=self.create, Error_NotFound=NotFound,
                Error_InvalidKey=InvalidKey, Error_Unavailable=Unavailable,
            ),
        }  # fmt: skip

    def open(self, key):
        if key not in self.kept:
            raise Err(NotFound())
        if key == "locked":
            raise Err(Unavailable("the storage is away"))
        return Reader(self, self.kept[key])

    def create(self, key):
        return Writer(self, key)


class Level(enum.Enum):
    DEBUG, INFO, WARNING, ERROR = range(4)


class NotFound:
    pass


class InvalidKey:
    pass


@dataclasses.dataclass
class Unavailable:
    value: str


class Resource:
    def __init__(self, host):
        self.host = host

    def __exit__(self, *args):
        self.host.dropped += 1


class Reader(Resource):
    def __init__(self, host, data):
        super().__init__(host)
        self.data = io.BytesIO(data)

    def read(self, length):
        assert 0 < length <= 1 << 20
        return self.data.read(length)


class Writer(Resource):
    def __init__(self, host, key):
        super().__init__(host)
        self.key, self.data = key, bytearray()

    def write(self, data):
        assert type(data) is bytes and len(data) <= 1 << 20
        if self.host.refuses_after is not None and len(self.data) >= self.host.refuses_after:
            raise Err(Unavailable("the disk is full"))
        self.data += data

    def finish(self):
        self.host.kept[self.key] = bytes(self.data)


def forget():
    for name in [name for name in sys.modules if name.split(".")[0] == "mecapy"]:
        del sys.modules[name]


@pytest.fixture
def host(monkeypatch):
    """`mecapy` as in the sandbox."""
    host = Host()
    imports = types.ModuleType("wit_world.imports")
    vars(imports).update(host.modules)
    monkeypatch.setitem(sys.modules, "wit_world", types.ModuleType("wit_world"))
    monkeypatch.setitem(sys.modules, "wit_world.imports", imports)
    monkeypatch.setitem(sys.modules, "componentize_py_types", types.SimpleNamespace(Err=Err))
    forget()
    yield host
    forget()


@pytest.fixture(params=["hosted", "native"])
def kept(request, tmp_path, monkeypatch):
    """The files that are kept, by key, in either place that `mecapy` can be in."""
    if request.param == "hosted":
        return lambda: request.getfixturevalue("host").kept
    monkeypatch.chdir(tmp_path)
    forget()
    request.addfinalizer(forget)
    files = lambda: (x for x in tmp_path.rglob("*") if x.is_file())  # noqa: E731
    return lambda: {x.relative_to(tmp_path).as_posix(): x.read_bytes() for x in files()}


def test_a_file_goes_and_comes_back(kept):
    kept()
    from mecapy import files

    files.write("a/b.txt", "é\n")
    assert kept() == {"a/b.txt": b"\xc3\xa9\n"}
    assert files.read("a/b.txt") == b"\xc3\xa9\n"
    assert files.read_text("a/b.txt") == "é\n"
    files.write("a/b.txt", bytearray(b"other"))
    assert kept() == {"a/b.txt": b"other"}


def test_names_of_the_founding_documents(kept):
    kept()
    import mecapy

    assert mecapy.upload_to_s3(b"mesh", "results/mesh.msh") == "results/mesh.msh"
    assert mecapy.download_from_s3("results/mesh.msh") == b"mesh"


def test_files_of_many_chunks(kept):
    kept()
    from mecapy import files

    data = bytes(range(256)) * 12_000
    with files.open("big", "wb") as out:
        assert out.write(data) == len(data)
    assert files.read("big") == data
    with files.open("big") as big:
        assert big.read(3) == data[:3] and big.read() == data[3:]


def test_text_by_lines(kept):
    kept()
    from mecapy import files

    with files.open("t.csv", "w", newline="\r\n") as out:
        print("x;y", file=out)
        out.writelines(["1;2\n", "3;4\n"])
    assert kept()["t.csv"] == b"x;y\r\n1;2\r\n3;4\r\n"
    with files.open("t.csv", "r") as lines:
        assert list(lines) == ["x;y\n", "1;2\n", "3;4\n"]
        assert lines.name == "t.csv"
    files.write("latin", "é".encode("latin-1"))
    assert files.read_text("latin", "latin-1") == "é"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_block_left_by_an_exception_keeps_nothing(kept, mode):
    kept()
    from mecapy import files

    with pytest.raises(ZeroDivisionError):
        with files.open("half", mode) as out:
            out.write("x" if mode == "w" else b"x")
            out.flush()
            1 / 0
    assert out.closed and kept() == {}


@pytest.mark.parametrize("mode", ["w", "wb"])
@pytest.mark.parametrize("cycle", [False, True])
def test_a_forgotten_file_is_not_kept(kept, mode, cycle):
    kept()
    from mecapy import files

    out = files.open("lost", mode)
    out.write("x" if mode == "w" else b"x")
    if cycle:
        out.me = out
    del out
    gc.collect()
    assert kept() == {}


def test_text_that_cannot_be_encoded_is_not_kept(kept):
    kept()
    from mecapy import files

    with pytest.raises(UnicodeEncodeError):
        with files.open("t", "w", encoding="ascii") as out:
            out.write("é")
    assert kept() == {}


def test_closing_is_enough_and_twice_is_fine(kept):
    kept()
    from mecapy import files

    out = files.open("x", "w")
    out.write("1")
    out.close()
    out.close()
    assert kept() == {"x": b"1"}
    with pytest.raises(ValueError):
        out.write("2")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a\\b", "a/", "a\0"])
def test_keys_that_are_none(kept, key):
    kept()
    from mecapy import files

    for mode in ("rb", "wb"):
        with pytest.raises(ValueError, match="is not a file key"):
            files.open(key, mode)
    with pytest.raises(TypeError):
        files.open(1)


@pytest.mark.parametrize("mode", ["a", "r+", "x", "rw", "", "b", "rbt", "rr"])
def test_modes_that_are_none(kept, mode):
    kept()
    from mecapy import files

    with pytest.raises(ValueError, match="mode"):
        files.open("x", mode)
    with pytest.raises(ValueError, match="encoding"):
        files.open("x", "rb", encoding="utf-8")


def test_a_file_that_is_not_there(kept):
    kept()
    from mecapy import files

    with pytest.raises(FileNotFoundError) as caught:
        files.read("absent.msh")
    assert "absent.msh" in str(caught.value)


def test_the_hosts_reason(host):
    from mecapy import files

    host.kept["locked"] = b""
    with pytest.raises(OSError, match="the storage is away"):
        files.open("locked")


def test_a_write_that_fails_keeps_nothing(host):
    from mecapy import files

    host.refuses_after = 100_000
    for size in (150_000, 1_000_000):
        with pytest.raises(OSError, match="the disk is full"):
            with files.open("x", "wb") as out:
                for _ in range(3):
                    out.write(bytes(size))
        out = files.open("y", "w")
        with pytest.raises(OSError, match="the disk is full"):
            for _ in range(3):
                out.write("x" * size)
            out.close()
        out.close()
    assert host.kept == {}


def test_every_resource_is_given_back(host):
    from mecapy import files

    files.write("a", b"1")
    files.read("a")
    files.open("a").close()
    with files.open("a", "r") as file:
        file.read(0)
    assert host.dropped == 4


def test_a_forgotten_file_is_told_of(host):
    from mecapy import files

    files.open("lost", "w")
    gc.collect()
    assert host.logged == [(Level.WARNING, "the file 'lost' was not closed, and is not kept")]


def test_log(host):
    from mecapy import log

    log("a")
    log(1, level="error")
    log.debug("b")
    log.info("c")
    log.warning("d")
    log.error("\ud800")
    assert host.logged == [
        (Level.INFO, "a"), (Level.ERROR, "1"), (Level.DEBUG, "b"), (Level.INFO, "c"),
        (Level.WARNING, "d"), (Level.ERROR, "\\ud800"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="debug, info, warning, error"):
        log("x", "loud")


def test_progress(host):
    import mecapy

    for fraction in (0, 0.5, 7, -1, float("nan")):
        mecapy.progress(fraction)
    mecapy.progress(1, "done")
    assert host.reported == [(0.0, ""), (0.5, ""), (1.0, ""), (0.0, ""), (1.0, "done")]


def test_logging_reaches_the_host(host):
    import mecapy

    logger = logging.Logger("solver.mesh")
    logger.addHandler(mecapy.HostHandler())
    logger.info("%d nodes", 3)
    logger.log(35, "coarse")
    logger.critical("lost")
    logger.debug("why")
    assert host.logged == [
        (Level.INFO, "solver.mesh: 3 nodes"), (Level.WARNING, "solver.mesh: coarse"),
        (Level.ERROR, "solver.mesh: lost"), (Level.DEBUG, "solver.mesh: why"),
    ]  # fmt: skip


def test_on_the_authors_machine(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    forget()
    import mecapy

    mecapy.log.warning("coarse")
    mecapy.progress(0.25, "meshing")
    assert capsys.readouterr().err == "WARNING coarse\n    25% meshing\n"
    with mecapy.files.open("a/x", "w") as out:
        assert not os.path.exists("a/x")
        out.write("1")
    assert os.listdir("a") == ["x"]
