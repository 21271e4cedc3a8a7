"""Results as JSON text: what is written, what is refused, and what no handler can change."""

import array
import builtins
import collections
import dataclasses
import datetime
import enum
import fractions
import json
import math
import pathlib
import types
import typing
import uuid
from decimal import Decimal

import pytest
from mecapy_shim import encode as module
from mecapy_shim.encode import NotJson, encode, plain
from pydantic import BaseModel, Field


class Grade(enum.Enum):
    A = "8.8"
    B = (800, 640)


class Number(enum.IntEnum):
    ONE = 1


class Point(typing.NamedTuple):
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Stress:
    sigma: float
    parts: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Slotted:
    a: int


class Bolt(BaseModel):
    diameter: float = Field(serialization_alias="d")
    price: Decimal = Decimal("1.50")


WRITTEN = [
    (None, "null"),
    (True, "true"),
    (1, "1"),
    (-0.0, "-0.0"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e16, "1e+16"),
    (5e-324, "5e-324"),
    ('é\u2028"\n\0', '"é\u2028\\"\\n\\u0000"'),
    ("😀", '"😀"'),
    ([], "[]"),
    ({}, "{}"),
    ({"a": [1, 2.5, {"b": None}]}, '{"a":[1,2.5,{"b":null}]}'),
    ((1, "a"), '[1,"a"]'),
    ({1: "a", Number.ONE.value + 1: "b", 0.5: "c"}, '{"1":"a","2":"b","0.5":"c"}'),
    ({Grade.A: 1, Grade.B: 2}, '{"8.8":1,"B":2}'),
    (Grade.A, '"8.8"'),
    (Grade.B, '"B"'),
    (Number.ONE, "1"),
    (Point(1.0), '{"x":1.0,"y":0.0}'),
    (Stress(1.5, [Point(1.0)]), '{"sigma":1.5,"parts":[{"x":1.0,"y":0.0}]}'),
    (Slotted(1), '{"a":1}'),
    (Bolt(diameter=3), '{"d":3.0,"price":"1.50"}'),
    ([Bolt(diameter=3)], '[{"d":3.0,"price":"1.50"}]'),
    (Decimal("0.1"), "0.1"),
    (Decimal("2.00"), "2"),
    (Decimal("1E+30"), "1" + "0" * 30),
    (Decimal("1E-400"), "0.0"),
    (fractions.Fraction(1, 3), "0.3333333333333333"),
    (fractions.Fraction(4, 2), "2"),
    (datetime.datetime(2020, 1, 2, 3, 4, 5), '"2020-01-02T03:04:05"'),
    (datetime.date(2020, 1, 2), '"2020-01-02"'),
    (datetime.time(3, 4), '"03:04:00"'),
    (datetime.timedelta(hours=1, milliseconds=500), "3600.5"),
    (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (pathlib.PurePosixPath("a/b"), '"a/b"'),
    (collections.OrderedDict(a=1), '{"a":1}'),
    (collections.defaultdict(list, a=[1]), '{"a":[1]}'),
    (collections.Counter("aab"), '{"a":2,"b":1}'),
    (types.MappingProxyType({"a": 1}), '{"a":1}'),
    (collections.ChainMap({"a": 1}), '{"a":1}'),
    (collections.deque([1]), "[1]"),
    (range(3), "[0,1,2]"),
    (array.array("d", [1.5]), "[1.5]"),
    (10**400, "1" + "0" * 400),
]


@pytest.mark.parametrize("value, text", WRITTEN)
def test_written(value, text):
    assert encode(value) == text
    assert encode({"k": [value]}) == '{"k":[' + text + "]}"


def nest(depth, leaf=1):
    value = leaf
    for _ in range(depth):
        value = [value]
    return value


class Undumped:
    def __init__(self):
        self.a = 1


REFUSED = [
    ({"stress": [1, 2, 3, math.nan]}, "$.stress[3]", "nan is not JSON"),
    (math.inf, "$", "inf is not JSON"),
    ([-math.inf], "$[0]", "-inf is not JSON"),
    ({"a b": {1: {2}}}, '$["a b"]["1"]', "a set has no JSON form (sorted(...) gives a list)"),
    ([b"x"], "$[0]", "a bytes has no JSON form (decode it, or base64.b64encode(...).decode())"),
    ([1 + 2j], "$[0]", "a complex has no JSON form (give its real and imaginary parts)"),
    (
        [x for x in [(i for i in [])]],
        "$[0]",
        "a generator has no JSON form (list(...) gives its items)",
    ),
    ([len], "$[0]", "a builtin_function_or_method has no JSON form"),
    ([Stress], "$[0]", "the class Stress has no JSON form"),
    ({True: 1}, "$", "a key is a bool; keys are text or numbers"),
    ({None: 1}, "$", "a key is a NoneType; keys are text or numbers"),
    ({(1, 2): 1}, "$", "a key is a tuple; keys are text or numbers"),
    ({1: "a", "1": "b"}, '$["1"]', "two keys of the object have this same text"),
    ({"a": "\ud800"}, "$.a", "has a lone surrogate, which no UTF-8 text can carry"),
    ({"\ud800": 1}, '$["\\ud800"]', "has a lone surrogate, which no UTF-8 text can carry"),
    ([10**4300], "$[0]", "an integer of about 4301 digits; at most 4300 are written"),
    ([-(10**5000)], "$[0]", "an integer of about 5001 digits; at most 4300 are written"),
    (Decimal("NaN"), "$", "NaN is not JSON"),
    (Decimal("-Infinity"), "$", "-Infinity is not JSON"),
    (Decimal("1E+999999"), "$", "the Decimal is too large"),
    (Stress(math.nan), "$.sigma", "nan is not JSON"),
    (Point(1.0, math.inf), "$.y", "inf is not JSON"),
    ({"a": {}.keys()}, "$.a", "a dict_keys has no JSON form (list(...) gives a list)"),
]


@pytest.mark.parametrize("value, path, problem", REFUSED)
def test_refused(value, path, problem):
    with pytest.raises(NotJson) as error:
        encode(value)
    assert error.value.path == path
    assert str(error.value) == f"{path}: {problem}"


def test_objects_without_a_form_are_named():
    with pytest.raises(NotJson, match=r"^\$\.a: an? .*Undumped has no JSON form$"):
        encode({"a": Undumped()})


def test_an_unset_slot_is_named():
    value = Slotted(1)
    del value.a
    with pytest.raises(NotJson, match=r"^\$\.a: was never set$"):
        encode(value)


def test_depth_is_bounded():
    assert encode(nest(100)) == "[" * 100 + "1" + "]" * 100
    assert encode(nest(99, (1,)))
    for depth in (101, 150, 1_000_000):
        value = nest(depth)
        with pytest.raises(NotJson, match="nested more than 100 deep") as error:
            encode(value)
        assert len(str(error.value)) < 200
        while value != 1:  # taken apart by hand: the interpreter would recurse
            (value,) = value
    with pytest.raises(NotJson, match="nested more than 100 deep"):
        encode(nest(100, (1,)))


def test_cycles_are_named():
    own = []
    own.append(own)
    with pytest.raises(NotJson, match=r"^\$\[0\]: contains itself$"):
        encode(own)
    table = {"a": {}}
    table["a"]["up"] = table
    with pytest.raises(NotJson, match=r"^\$\.a\.up: contains itself$"):
        encode(table)
    one = Stress(1.0)
    one.parts.append(one)
    with pytest.raises(NotJson, match=r"^\$\.parts\[0\]: contains itself$"):
        encode(one)


def test_shared_values_are_no_cycle():
    shared = {"x": (1,)}
    assert encode([shared, shared]) == '[{"x":[1]},{"x":[1]}]'


class LyingDict(dict):
    def items(self):
        return [("x", object())]

    def __iter__(self):
        return iter([object()])

    def keys(self):
        raise RuntimeError("keys")


class LyingList(list):
    def __iter__(self):
        raise RuntimeError("iter")

    def __len__(self):
        return 10**9


class LyingStr(str):
    def __str__(self):
        return "lie"

    def isascii(self):
        raise RuntimeError


class LyingFloat(float):
    def __repr__(self):
        return "lie"

    def __float__(self):
        return 7.0


class LyingInt(int):
    def __repr__(self):
        return "lie"

    __str__ = __repr__

    def __int__(self):
        return 7


class Disguised:
    @property
    def __class__(self):
        return dict

    def __getattr__(self, name):
        return lambda *args, **kwargs: self


@pytest.mark.parametrize(
    "value, text",
    [
        (LyingDict(a=1), '{"a":1}'),
        (LyingList([1, 2]), "[1,2]"),
        (LyingStr("true"), '"true"'),
        (LyingFloat(1.5), "1.5"),
        (LyingInt(3), "3"),
        ({LyingStr("k"): LyingInt(3)}, '{"k":3}'),
    ],
    ids=lambda x: type(x).__name__,
)
def test_subclasses_are_read_by_their_base(value, text):
    assert encode(value) == text
    assert encode([value]) == f"[{text}]"


def test_a_disguise_is_seen_through():
    with pytest.raises(NotJson, match="Disguised has no JSON form"):
        encode({"a": Disguised()})


def test_a_model_dump_that_gives_itself_ends():
    class Endless:
        def model_dump(self, **_):
            return self

    class Deeper:
        def model_dump(self, **_):
            return [Deeper()]

    with pytest.raises(NotJson, match="contains itself"):
        encode(Endless())
    with pytest.raises(NotJson, match="nested more than"):
        encode(Deeper())


def test_nothing_a_handler_replaces_matters(monkeypatch):
    value = {"a": [1.5, (2,), Stress(1.0)], "b": Grade.A}
    wanted = encode(value)

    def broken(*_args, **_kwargs):
        raise RuntimeError("replaced")

    for name in ("dumps", "JSONEncoder"):
        monkeypatch.setattr(json, name, broken)
    monkeypatch.setattr(json.encoder, "c_make_encoder", broken)
    monkeypatch.setattr(json.encoder, "encode_basestring", broken)
    monkeypatch.setattr(dataclasses, "fields", broken)
    kept = {
        name: getattr(builtins, name)
        for name in ("type", "len", "issubclass", "isinstance", "map", "zip")
    }
    try:
        for name in kept:
            setattr(builtins, name, broken)
        found = encode(value)
    finally:
        for name, original in kept.items():
            setattr(builtins, name, original)
    assert found == wanted


def test_plain_results_are_not_walked(monkeypatch):
    def walked(*_):
        raise AssertionError("walked")

    monkeypatch.setattr(module, "_plain", walked)
    rows = [{"x": 1.5, "name": "é", "ok": True, "none": None}] * 1000
    assert json.loads(encode({"rows": rows, "z": list(range(1000))}))["rows"] == rows


def test_fast_and_slow_ways_agree():
    values = [value for value, _ in WRITTEN]
    for value in values:
        assert encode(value) == module._encode_plain(plain(value))


def test_numpy_is_read_by_its_shape():
    numpy = pytest.importorskip("numpy")
    value = {
        "f": numpy.float64(1.5), "f32": numpy.float32(0.5), "i": numpy.int64(3), "b": numpy.bool_(True),
        "a": numpy.array([[1, 2], [3, 4]]), "e": numpy.array(5.0), numpy.int64(7): 1, "s": numpy.array(["x"]),
    }  # fmt: skip
    assert json.loads(encode(value)) == {
        "f": 1.5, "f32": 0.5, "i": 3, "b": True, "a": [[1, 2], [3, 4]], "e": 5.0, "7": 1, "s": ["x"],
    }  # fmt: skip
    for bad, path in (
        ({"a": numpy.array([1.0, math.nan])}, r"\$\.a\[1\]"),
        ({"a": numpy.array([1j])}, r"\$\.a\[0\]"),
        ({"a": numpy.float64(math.inf)}, r"\$\.a"),
    ):
        with pytest.raises(NotJson, match=f"^{path}: "):
            encode(bad)
