"""The base images, built for real from the tests' own base and used as the platform does:
without a network, with a root that cannot be written to, as nobody.

Needs a Docker daemon, `mecapy-test/python:3.11` (`make docker`), a package index, and for
python-cfd Debian's mirror.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).parents[1]
UV = HERE.parent / "target/tools/bin/uv"
BASE, PREFIX, PYTHON = "mecapy-test/python:3.11", "mecapy-test", "3.11"
IMAGES = ["python-base", "python-scientific", "python-cfd"]
LOCKED = ["python-scientific", "python-cfd"]
# Megabytes, some way above what they are: so that a forgotten cache is seen.
LARGEST = {"python-base": 150, "python-scientific": 450, "python-cfd": 720}


def build(*arguments, folder=HERE, prefix=PREFIX):
    command = [str(folder / "build"), "--base", BASE, "--prefix", prefix, "--network", "host", *arguments]
    environment = {**os.environ, "MECAPY_UV": str(UV)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)


def tag(image):
    return f"{PREFIX}/{image}:{PYTHON}"


def inspect(image):
    out = subprocess.run(["docker", "image", "inspect", tag(image)], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)[0]


def run(image, *command, options=()):
    """Standard output; fails with standard error if there is any, or another status than 0."""
    ran = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL",
         "--security-opt", "no-new-privileges", "--pids-limit", "128",
         "--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m", *options, tag(image), *command],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    return ran.stdout


def python(image, code, **more):
    return run(image, "python3", "-c", code, **more).strip()


def pins(image):
    """Name to versions of a lock, by the markers that go with them."""
    found = {}
    for line in (HERE / image / "requirements.txt").read_text().splitlines():
        if match := re.match(r"([\w.-]+)==(\S+)(?: ; (.*?))? \\$", line):
            found.setdefault(match[1], []).append((match[2], match[3] or ""))
    return found


@pytest.fixture(scope="session", autouse=True)
def images():
    made = build("--python", PYTHON)
    assert made.returncode == 0, made.stderr
    return made.stderr


@pytest.mark.parametrize("image", IMAGES)
def test_nobody_runs_it_and_labels_say_what_it_is(image):
    config = inspect(image)["Config"]
    assert config["User"] == "65534:65534"
    labels = config["Labels"]
    assert labels["mecapy.base"] == image
    assert labels["mecapy.base.python"] == PYTHON
    assert re.fullmatch("[0-9a-f]{16}", labels["mecapy.base.recipe"])
    assert run(image, "id").startswith("uid=65534(nobody) gid=65534(nogroup)")
    version = python(image, "import sys; print(*sys.version_info[:2], sep='.')")
    assert version == PYTHON


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_is_left_over_and_the_size_is_known(image, capsys):
    # What pip, uv, apt and matplotlib would leave behind, and what only its packagers run.
    patterns = ["*.whl", "/root/.cache", "/tmp/*", "/site", "/var/lib/apt/lists/*_Packages", "/var/cache/apt/*.bin",
                "*/dist-packages/*/tests"]  # fmt: skip
    tests = [word for pattern in patterns for word in ("-o", "-path", pattern)][1:]
    # There are folders that nobody but root may look into: what they hold, nobody can use.
    found = run(image, "sh", "-c", 'find / -xdev "$@" 2>/dev/null || true', "find", *tests)
    left = [path for path in found.split() if "/numpy/" not in path]
    assert left == []
    megabytes = inspect(image)["Size"] / 1e6
    with capsys.disabled():
        print(f"\n{tag(image)}: {megabytes:.0f} MB", file=sys.stderr)
    assert megabytes < LARGEST[image]


@pytest.mark.parametrize("image", IMAGES)
def test_all_bytecode_is_there(image):
    """A root that is read-only cannot keep what would be compiled at an import."""
    code = """
import importlib.util, pathlib, sysconfig
missing = []
for folder in {sysconfig.get_path(name) for name in ("stdlib", "purelib")}:
    for path in pathlib.Path(folder).rglob("*.py"):
        if not {"test", "tests", "idlelib", "lib2to3", "turtledemo", "dist-packages"} & set(path.relative_to(folder).parts):
            if not pathlib.Path(importlib.util.cache_from_source(path)).is_file():
                missing.append(str(path))
print(missing)
"""
    assert python(image, code) == "[]"


def test_base_image_has_python_alone():
    code = "import importlib.metadata as m; print([d.name for d in m.distributions()])"
    assert python("python-base", code) == "[]"


def test_scientific_packages_compute():
    code = """
import json, numpy as np, pandas as pd, scipy.linalg, scipy.optimize, scipy.sparse.linalg, scipy.stats, scipy.integrate
import scipy.interpolate, scipy.signal, scipy.spatial, scipy.special, scipy.fft, scipy.ndimage, numpy.testing, pandas.testing
a = np.array([[4.0, 1.0], [1.0, 3.0]])
print(json.dumps({
    "solve": np.linalg.solve(a, [1, 2]).tolist(),
    "determinant": scipy.linalg.det(a),
    "root": scipy.optimize.brentq(lambda x: x * x - 2, 0, 2),
    "normal": scipy.stats.norm.cdf(0),
    "rolling": pd.Series([1.0, 2, 6]).rolling(2).mean().dropna().tolist(),
}))
"""
    found = json.loads(python("python-scientific", code))
    assert found["solve"] == pytest.approx([1 / 11, 7 / 11])
    assert found["determinant"] == pytest.approx(11)
    assert found["root"] == pytest.approx(2**0.5)
    assert found["normal"] == 0.5
    assert found["rolling"] == [1.5, 4]


@pytest.mark.parametrize("image", LOCKED)
def test_installed_is_what_is_locked(image):
    code = "import importlib.metadata as m, json; print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    installed = json.loads(python(image, code))
    expected = {**pins("python-scientific"), **(pins(image) if image == "python-cfd" else {})}
    assert installed.keys() == expected.keys()
    for name, choices in expected.items():
        [version] = [v for v, marker in choices if not marker or "< '3.12'" in marker]
        assert installed[name] == version


# Emptied, as a call's environment may be.
@pytest.mark.parametrize("options", [(), ("--env", "MPLCONFIGDIR=", "--env", "HOME=")], ids=["set", "empty"])
def test_matplotlib_takes_the_fonts_of_the_image(options):
    code = """
import os
for name in ("MPLCONFIGDIR", "HOME"):
    os.environ.get(name) or os.environ.pop(name, None)
import io, json, pathlib
from matplotlib.figure import Figure
import matplotlib.font_manager as fonts
made, used = pathlib.Path("/opt/mecapy/matplotlib"), pathlib.Path("/tmp/matplotlib")
assert [p.read_bytes() for p in made.iterdir()] == [p.read_bytes() for p in used.iterdir()] != []
assert [p.stat().st_mtime for p in made.iterdir()] == [p.stat().st_mtime for p in used.iterdir()], "made anew"
assert os.listdir("/tmp") == ["matplotlib"], os.listdir("/tmp")
assert fonts.findfont("DejaVu Sans", fallback_to_default=False)
figure, out = Figure(), io.BytesIO()
figure.add_subplot().plot([1, 3, 2])
figure.savefig(out)
print(out.getvalue()[:8])
"""
    assert python("python-scientific", code, options=options) == repr(b"\x89PNG\r\n\x1a\n")


def test_interpreters_that_draw_nothing_copy_nothing():
    assert python("python-scientific", "import numpy, os; print(os.listdir('/tmp'))") == "[]"


def test_cfd_meshes():
    code = """
import contextlib, io, gmsh, meshio, numpy as np
gmsh.initialize()
gmsh.option.setNumber("General.Terminal", 0)
gmsh.model.occ.addBox(0, 0, 0, 1, 2, 3)
gmsh.model.occ.synchronize()
gmsh.model.mesh.generate(3)
gmsh.write("/tmp/box.msh")
gmsh.finalize()
with contextlib.redirect_stdout(io.StringIO()):
    mesh = meshio.read("/tmp/box.msh")
a, b, c, d = (mesh.points[mesh.get_cells_type("tetra")[:, i]] for i in range(4))
print(float(abs(np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a)).sum() / 6))
"""
    assert float(python("python-cfd", code)) == pytest.approx(6)


def test_what_is_there_is_left_as_it_is():
    before = [inspect(image)["Id"] for image in IMAGES]
    began = time.monotonic()
    again = build("--python", PYTHON)
    assert (again.returncode, again.stderr) == (0, "")
    assert [inspect(image)["Id"] for image in IMAGES] == before
    assert time.monotonic() - began < 10


def test_wheels_other_than_the_locked_are_refused(tmp_path):
    folder = tmp_path / "work" / "base-images"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("tests"))
    lock = folder / "python-scientific/requirements.txt"
    lock.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, lock.read_text()))
    refused = build("--python", PYTHON, "python-scientific", folder=folder, prefix="mecapy-test/altered")
    try:
        assert refused.returncode != 0
        assert "hash" in refused.stderr.lower(), refused.stderr
        there = subprocess.run(["docker", "images", "-q", "mecapy-test/altered/python-scientific"],
                               capture_output=True, text=True, check=True)  # fmt: skip
        assert there.stdout == ""
    finally:
        subprocess.run(["docker", "rmi", f"mecapy-test/altered/python-base:{PYTHON}"], capture_output=True)


def test_a_base_of_another_version_is_refused():
    refused = build("--python", "3.13")
    assert refused.returncode == 1
    assert f"{BASE} has Python 3.11, not 3.13" in refused.stderr


def test_locks_name_all_that_is_asked_for_once():
    for image in LOCKED:
        asked = (HERE / image / "requirements.in").read_text().split()
        assert set(asked) <= pins(image).keys()
    assert not pins("python-scientific").keys() & pins("python-cfd").keys()


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize(
    ("image", "machine"),
    # gmsh has no wheel for Linux on ARM.
    [("python-scientific", "x86_64"), ("python-scientific", "aarch64"), ("python-cfd", "x86_64")],
)
def test_there_are_wheels_for_every_python(image, machine, version, tmp_path):
    subprocess.run(
        [UV, "pip", "install", "--dry-run", "--quiet", "--target", tmp_path, "--python", sys.executable,
         "--python-version", version, "--python-platform", f"{machine}-manylinux_2_28", "--only-binary", ":all:",
         "--require-hashes", "--no-deps", "--requirement", HERE / image / "requirements.txt"],
        check=True, timeout=120,
    )  # fmt: skip
