"""No call sees another; and what a deterministic call draws is the same each time."""

import pytest


def test_globals_modules_and_environment(host):
    text = """
        import math, os, sys, library
        COUNT = []
        def calculate(inputs):
            COUNT.append(1); library.COUNT.append(1)
            seen = [len(COUNT), len(library.COUNT), os.environ.get("LEFT"), math.pi, "left" in sys.modules]
            os.environ["LEFT"] = "x"; math.pi = 3; sys.modules["left"] = math
            return seen
        """
    host.prepare(files=text, deps={"library.py": "COUNT = []"}, preload=["library"])
    for _ in range(3):
        assert host.value() == [1, 1, None, 3.141592653589793, False]


def test_files(host):
    text = f"""
        import os, pathlib, tempfile
        FOLDERS = [pathlib.Path({str(host.tmp)!r}), pathlib.Path({str(host.shm)!r})]
        def calculate(inputs):
            seen = [os.listdir(x) for x in FOLDERS]
            for folder in FOLDERS:
                (folder / "left").write_text("x")
                (folder / "a/b").mkdir(parents=True)
            tempfile.mkstemp()
            return [*seen, tempfile.gettempdir() == str(FOLDERS[0])]
        """
    host.prepare(files=text)
    for _ in range(3):
        assert host.value() == [[], [], True]


def test_files_that_an_import_leaves_are_its_own_calls(host):
    text = f"""
        import os
        SEEN = os.listdir({str(host.tmp)!r})
        open({str(host.tmp / "mine")!r}, "x").close()
        def calculate(inputs):
            return [SEEN, os.listdir({str(host.tmp)!r})]
        """
    host.prepare(files=text)
    for _ in range(3):
        assert host.value() == [[], ["mine"]]


def test_memory_holds_nothing_of_earlier_calls(host):
    text = """
        import mecapy, re
        def calculate(inputs):
            mecapy.log(inputs["secret"]); print(inputs["secret"])
            needle, found = inputs["needle"][::-1].encode(), 0
            with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
                for line in maps:
                    area, mode = line.split()[:2]
                    if "r" not in mode or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                        continue
                    start, end = (int(x, 16) for x in area.split("-"))
                    memory.seek(start)
                    try:
                        found += memory.read(end - start).count(needle)
                    except OSError:
                        continue
            return [found, inputs["secret"]]
        """
    host.prepare(files=text)
    secret = "tEn-sEcReT-wOrDs"
    # Found where it is, so that the search is known to work; the needle itself is reversed.
    assert host.value({"secret": secret, "needle": secret[::-1]})[0] > 1
    for _ in range(3):
        found = host.value({"secret": "nothing", "needle": secret[::-1]})[0]
        assert found <= 1  # the needle itself, turned round


def test_surroundings_are_the_programs_own(make_host):
    text = """
        import os, sys
        def calculate(inputs):
            names = {x for x in os.environ if x.startswith(("MECAPY_", "PYTHONHASHSEED"))}
            stuck = [x for x in sys.path if "fallback-docker" in x]
            return [sorted(names), os.environ["OMP_NUM_THREADS"], os.environ["HOME"], stuck]
        """
    host = make_host(MECAPY_CPUS="3")
    host.prepare(files=text)
    assert host.value() == [[], "3", str(host.tmp), []]


def test_threads_of_libraries_are_bounded_before_they_are_imported(host):
    deps = {"heavy.py": "import os\nTHREADS = os.environ['OPENBLAS_NUM_THREADS']"}
    host.prepare(
        files="import heavy\ndef calculate(inputs):\n    return heavy.THREADS\n", deps=deps, preload=["heavy"]
    )
    assert host.value() == "1"


def test_limits_of_a_call(host):
    text = """
        import resource
        def calculate(inputs):
            return [resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE),
                    open("/proc/self/oom_score_adj").read().strip()]
        """
    host.prepare(files=text)
    assert host.value() == [[0, 0], [1024, 1024], "1000"]


def test_a_call_has_no_descriptors_but_its_own(host):
    host.prepare(files="import os\ndef calculate(inputs):\n    return len(os.listdir('/proc/self/fd')) - 1\n")
    assert host.value() == 5  # the standard streams, and a pipe each way
    assert host.value() == 5


def test_fonts_that_the_image_has_made_are_there_in_every_call(make_host, tmp_path):
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    (fonts / "fontlist.json").write_text("{}")
    host = make_host(MECAPY_RUNNER_MATPLOTLIB=str(fonts))
    text = """
        import os
        def calculate(inputs):
            path = os.environ["MPLCONFIGDIR"] + "/fontlist.json"
            seen = open(path).read()
            open(path, "w").write("spoilt")
            return [seen, os.environ["MPLBACKEND"]]
        """
    host.prepare(files=text)
    for _ in range(3):
        assert host.value() == ["{}", "Agg"]


NUMPY = {
    "numpy/__init__.py": "",
    "numpy/random.py": """
        import random as _random
        _state = _random.Random(1)
        def seed(seed): _state.seed(repr(seed))
        def draw(): return _state.random()
        """,
}
DRAWS = """
    import os, random, secrets, sys, uuid, tempfile, library, numpy.random
    AT_IMPORT = [random.random(), secrets.token_hex(8), numpy.random.draw()]
    OWN = random.Random()
    def calculate(inputs):
        return [*AT_IMPORT, random.random(), OWN.random(), library.OWN.random(), secrets.randbits(64),
                str(uuid.uuid4()), os.urandom(8).hex(), numpy.random.draw(), random.Random().random()]
    """
LIBRARY = {"library.py": "import random\nOWN = random.Random()\nOWN.random()\n", **NUMPY}


def prepared(host):
    host.prepare(files=DRAWS, deps=LIBRARY, preload=["library", "numpy.random"])
    return host


def test_every_call_has_its_own_randomness(host):
    drawn = list(zip(*[prepared(host).value(), *(host.value() for _ in range(3))]))
    assert [len(set(each)) for each in drawn] == [4] * 11


def test_deterministic_calls_draw_the_same(make_host):
    first, second = prepared(make_host()), prepared(make_host())
    expected = first.value(deterministic=True)
    assert first.value() != expected
    for host in (first, second, first, second):
        assert host.value(deterministic=True) == expected
    drawn = [x for x, y in zip(second.value(), expected) if x == y]
    assert drawn == []


@pytest.mark.parametrize("seed_at", ["import", "call"])
def test_what_is_seeded_by_hand_stays_seeded(host, seed_at):
    text = f"""
        import random
        if {seed_at!r} == "import": random.seed(42)
        def calculate(inputs):
            if {seed_at!r} == "call": random.seed(42)
            return random.random()
        """
    host.prepare(files=text)
    assert host.value() == host.value() == host.value(deterministic=True) == 0.6394267984578837


def test_sets_of_texts_have_the_same_order_everywhere(make_host):
    text = "def calculate(inputs):\n    return list({str(x) for x in range(50)})\n"
    first, second = make_host(), make_host()
    first.prepare(files=text)
    second.prepare(files=text)
    assert first.value() == second.value() == first.value(deterministic=True)
