"""Handlers called with JSON: which arguments they get, and what bad inputs are answered with."""

import asyncio
import collections
import dataclasses
import datetime
import enum
import fractions
import functools
import pathlib
import sys
import typing
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, Union

import annotated_types as at
import future_handlers
import pydantic
import pytest
from mecapy_shim.handler import Handler, HandlerError, InputError
from pydantic import AfterValidator, BaseModel, Field


def call(function, inputs, **where):
    return Handler(function, **where).call(inputs)


def violations(function, inputs, **where):
    with pytest.raises(InputError) as error:
        Handler(function, **where).call(inputs)
    return error.value.violations


def one(hint, value):
    """A value as a parameter with this hint gets it."""

    def function(x, other=None):  # a lone dict would take the whole object
        return x

    function.__annotations__ = {"x": hint}
    return Handler(function).call({"x": value})


def bad(hint, value):
    """What is wrong with a value, as (pointer below the parameter, rule)."""

    def function(x, other=None):  # a lone dict would take the whole object
        return x

    function.__annotations__ = {"x": hint}
    return [
        (v["pointer"].removeprefix("/x"), v["rule"]) for v in violations(function, {"x": value})
    ]


class Grade(enum.Enum):
    A = "8.8"
    B = "10.9"


class Steel(enum.Enum):
    S235 = (235, 360)
    S355 = (355, 490)


class Level(enum.IntEnum):
    LOW = 1


class Flags(enum.Flag):
    X = 1
    Y = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0

    def __post_init__(self):
        if self.x > 1000:
            raise ValueError("x is out of reach")


@dataclasses.dataclass
class Tree:
    value: int
    children: "list[Tree]" = dataclasses.field(default_factory=list)


class Pair(typing.NamedTuple):
    a: int
    b: str = "q"


class Options(typing.TypedDict):
    name: str
    scale: typing.NotRequired[float]


class Bolt(BaseModel):
    diameter: float = Field(gt=0)
    grade: Grade = Grade.A


class Nut(BaseModel):
    diameter: float
    height: float


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


# Which arguments a handler gets.


def test_keywords_and_defaults():
    def function(a, b=2, *, c=3):
        return a, b, c

    assert call(function, {"a": 1}) == (1, 2, 3)
    assert call(function, {"a": 1, "c": 4}) == (1, 2, 4)


def test_the_whole_object():
    def named(inputs):
        return inputs

    def annotated(data: dict):
        return data

    def parametrised(data: dict[str, float]):
        return data

    def mapping(data: typing.Mapping[str, Any]):
        return data

    def modelled(inputs: Bolt):
        return inputs

    def keyword(*, inputs):
        return inputs

    def positional(inputs, /):
        return inputs

    for function in (named, annotated, parametrised, mapping, keyword, positional):
        assert call(function, {"a": 1}) == {"a": 1}
    assert type(call(parametrised, {"a": 1})["a"]) is float
    assert call(modelled, {"diameter": 3}) == Bolt(diameter=3)
    assert violations(modelled, {})[0]["pointer"] == ""
    assert violations(parametrised, {"a": "x"})[0]["pointer"] == "/a"


def test_one_parameter_that_is_no_object():
    def function(data: float):
        return data

    def optional(table: Optional[dict] = None):
        return table

    assert call(function, {"data": 1}) == 1.0
    assert call(optional, {"table": {"a": 1}}) == {"a": 1}


def test_extra_keywords():
    def function(a: int, **rest: float):
        return a, rest

    assert call(function, {"a": 1, "b": 2}) == (1, {"b": 2.0})
    assert [v["pointer"] for v in violations(function, {"a": 1, "b": "x", "c": None})] == [
        "/b",
        "/c",
    ]

    def anything(**rest):
        return rest

    assert call(anything, {"a": [1]}) == {"a": [1]}


def test_positional_only():
    def function(a, b=2, /, c=3):
        return a, b, c

    assert call(function, {"a": 1}) == (1, 2, 3)
    assert call(function, {"b": 5, "a": 1, "c": 6}) == (1, 5, 6)


def test_fields_as_defaults():
    def function(
        a: float = Field(ge=0), b: int = Field(5, le=9), c: list = Field(default_factory=list)
    ):
        return a, b, c

    assert call(function, {"a": 1}) == (1.0, 5, [])
    assert violations(function, {"a": 0, "b": 10})[0]["rule"] == "maximum"
    handler = Handler(function)
    handler.call({"a": 1})[2].append(1)
    assert handler.call({"a": 1})[2] == []


def test_none_as_a_default_is_a_value():
    def function(a: float = None):
        return a

    assert call(function, {"a": None}) is None
    assert call(function, {"a": 1}) == 1.0


def test_methods():
    class Beam:
        made = 0

        def __init__(self, length: float, material: str = "S235"):
            type(self).made += 1
            self.length, self.material = length, material

        def load(self, force: float, factor: float = 1):
            return self.length, self.material, force, factor

        @staticmethod
        def area(w: float, h: float):
            return w * h

        @classmethod
        def name(cls, suffix: str):
            return cls.__name__ + suffix

        def all(self, inputs):
            return self.length, inputs

    init = ["length", "material"]
    inputs = {"length": 2, "force": 3}
    assert call(Beam.load, inputs, cls=Beam, init=init) == (2.0, "S235", 3.0, 1)
    assert call(Beam.area, {"w": 2, "h": 3}, cls=Beam) == 6.0
    assert call(Beam.__dict__["area"], {"w": 2, "h": 3}, cls=Beam) == 6.0
    assert call(Beam.name, {"suffix": "!"}, cls=Beam) == "Beam!"
    assert call(Beam.all, {"length": 2, "x": 1}, cls=Beam, init=["length"]) == (2.0, {"x": 1})
    made = Beam.made
    found = violations(Beam.load, {"length": "x", "forse": 1}, cls=Beam, init=init)
    assert [(v["pointer"], v["rule"]) for v in found] == [
        ("/length", "type"), ("", "required"), ("/forse", "additionalProperties"),
    ]  # fmt: skip
    assert "did you mean `force`" in found[2]["message"]
    assert Beam.made == made, "nothing is made from bad inputs"


def test_a_class_and_its_init_must_agree():
    class Beam:
        def __init__(self, length, width=1):
            self.length = length

        def load(self, force, width=2):
            return force

    for init, message in (
        ([], "list it in `init`"), (["length", "height"], "no such parameter"),
        (["length", "width"], "rename one"),
    ):  # fmt: skip
        for use in (lambda handler: handler.call({"length": 1, "force": 2}), Handler.describe):
            with pytest.raises(HandlerError, match=message):
                use(Handler(Beam.load, cls=Beam, init=init))
    assert call(Beam.load, {"length": 1, "force": 2}, cls=Beam, init=["length"]) == 2


def test_classes_that_validate():
    class Bar(BaseModel):
        length: float = Field(gt=0)
        name: str = "b"

        def mass(self, density: float):
            return self.length * density

    @dataclasses.dataclass
    class Rod:
        length: float

        def mass(self, density: float):
            return self.length * density

    for cls in (Bar, Rod):
        assert call(cls.mass, {"length": 2, "density": 3}, cls=cls, init=["length"]) == 6.0
        found = violations(cls.mass, {"length": "x"}, cls=cls, init=["length"])
        assert [(v["pointer"], v["rule"]) for v in found] == [("/length", "type"), ("", "required")]


def test_errors_of_the_author_are_not_violations():
    class Beam:
        def __init__(self, length: float):
            raise ValueError("mine")

        def load(self):
            return 1

    with pytest.raises(ValueError, match="mine"):
        call(Beam.load, {"length": 1}, cls=Beam, init=["length"])

    def function(a: float):
        return 1 / a

    with pytest.raises(ZeroDivisionError):
        call(function, {"a": 0})


def test_decorated_and_other_callables():
    def traced(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @traced
    def function(a: float, b: int = 1):
        return a, b

    assert call(function, {"a": 1}) == (1.0, 1)
    assert violations(function, {"a": 1, "c": 2})[0]["pointer"] == "/c"
    assert call(functools.partial(function, b=5), {"a": 1}) == (1.0, 5)

    class Callable:
        def __call__(self, a: float):
            return a

    assert call(Callable(), {"a": 1}) == 1.0
    assert call(Point, {"x": 1}) == Point(1.0)
    assert call(pydantic.validate_call(lambda a=1: a), {"a": 3}) == 3
    assert call(Callable().__call__, {"a": 1}) == 1.0


def test_coroutines_are_run():
    async def inner(a):
        return a * 2

    async def function(a: float):
        await asyncio.sleep(0)
        return await inner(a)

    assert call(function, {"a": 2}) == 4.0

    class Waits:
        def __await__(self):
            yield "something"

    async def waits():
        await Waits()

    with pytest.raises(RuntimeError, match="bad yield"):
        call(waits, {})

    async def fails():
        raise KeyError("mine")

    with pytest.raises(KeyError):
        call(fails, {})


def test_text_annotations():
    module = future_handlers
    assert call(module.typed, {"a": 1, "b": 2.0}) == {"a": 1.0, "b": 2, "flag": False, "name": "x"}
    node, options, part = call(
        module.nested,
        {
            "node": {"value": 1, "children": [{"value": 2}]},
            "options": {"name": "n", "scale": 2},
            "part": {"mass": 1},
        },
    )
    assert node == module.Node(1.0, [module.Node(2.0)])
    assert options == {"name": "n", "scale": 2.0} and type(options["scale"]) is float
    assert part == module.Part(mass=1)
    assert call(module.unresolved, {"a": 1, "grid": [[1]]}) == (1.0, [[1]])
    solver = module.Solver
    assert call(solver.solve, {"size": 2, "load": 3}, cls=solver, init=["size"]) == 6.0
    found = violations(
        module.nested, {"node": {"value": 1, "children": [{}]}, "options": {"scale": 0}}
    )
    assert [(v["pointer"], v["rule"]) for v in found] == [
        ("/node/children/0", "required"), ("/options", "required"), ("/options/scale", "exclusiveMinimum"),
    ]  # fmt: skip


def test_inputs_that_are_no_object():
    assert violations(lambda a: a, [1])[0]["rule"] == "type"


def test_missing_and_unknown():
    def function(force: float, section: float):
        return force / section

    found = violations(function, {"force": 1, "sction": 2})
    assert found == [
        {"pointer": "", "rule": "required", "message": "`section` is required"},
        {
            "pointer": "/sction",
            "rule": "additionalProperties",
            "message": "`sction` is not expected; did you mean `section`?",
        },
    ]
    assert violations(function, {"force": 1, "section": 1, "a/b~c": 1})[0]["pointer"] == "/a~1b~0c"


# What values become.

T = typing.TypeVar("T", bound=float)
Length = typing.NewType("Length", float)

CONVERTED = [
    (float, 1, 1.0),
    (float, 2**60, float(2**60)),
    (int, 1.0, 1),
    (bool, True, True),
    (str, "a", "a"),
    (None, None, None),
    (Any, [1], [1]),
    (object, 1, 1),
    (list, [1], [1]),
    (list[float], [1, 2.5], [1.0, 2.5]),
    (tuple, [1], (1,)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[float, ...], [1], (1.0,)),
    (tuple[()], [], ()),
    (set[int], [1, 2], {1, 2}),
    (frozenset[str], ["a"], frozenset("a")),
    (typing.Sequence[float], [1], [1.0]),
    (typing.Iterable[int], [1.0], [1]),
    (collections.deque[int], [1], collections.deque([1])),
    (dict[str, float], {"a": 1}, {"a": 1.0}),
    (dict[int, list[float]], {"1": [1]}, {1: [1.0]}),
    (dict[float, str], {"1.5": "a"}, {1.5: "a"}),
    (dict[Grade, float], {"8.8": 1}, {Grade.A: 1.0}),
    (typing.Mapping[str, int], {"a": 1.0}, {"a": 1}),
    (collections.Counter[str], {"a": 1}, collections.Counter("a")),
    (Literal["a", 1], 1, 1),
    (Literal[Grade.A], "8.8", Grade.A),
    (Grade, "10.9", Grade.B),
    (Steel, "S235", Steel.S235),
    (Level, 1, Level.LOW),
    (Level, 1.0, Level.LOW),
    (Flags, 3, Flags.X | Flags.Y),
    (Optional[float], None, None),
    (Optional[float], 1, 1.0),
    (float | None, 1, 1.0),
    (Union[int, float], 1.5, 1.5),
    (Union[int, float], 2, 2),
    (Union[float, int], 2, 2),
    (Union[int, float], 2.0, 2.0),
    (Union[float, str], "1", "1"),
    (Union[datetime.date, str], "2020-01-01", datetime.date(2020, 1, 1)),
    (Union[str, datetime.date], "2020-01-01", "2020-01-01"),
    (Union[float, list[float]], [1], [1.0]),
    (Union[Bolt, Nut], {"diameter": 1, "height": 2}, Nut(diameter=1, height=2)),
    (Union[Bolt, Nut], {"diameter": 1}, Bolt(diameter=1)),
    (Union[bool, float], 1, 1.0),
    (Union[float, Literal["auto"]], "auto", "auto"),
    (Annotated[Union[Cat, Dog], Field(discriminator="kind")], {"kind": "cat"}, Cat(kind="cat")),
    (Annotated[float, Field(ge=0), at.Lt(5)], 0, 0.0),
    (Annotated[Optional[float], Field(ge=0)], None, None),
    (Annotated[float, Field(multiple_of=0.1)], 0.3, 0.3),
    (Annotated[int, AfterValidator(lambda v: v + 1)], 1, 2),
    (pydantic.PositiveFloat, 1, 1.0),
    (pydantic.StrictInt, 1, 1),
    (pydantic.conlist(float, min_length=1), [1], [1.0]),
    (T, 1, 1.0),
    (Length, 1, 1.0),
    (Decimal, 0.1, Decimal("0.1")),
    (Decimal, 3, Decimal(3)),
    (Decimal, "1.10", Decimal("1.10")),
    (fractions.Fraction, 0.1, fractions.Fraction(1, 10)),
    (fractions.Fraction, "1/3", fractions.Fraction(1, 3)),
    (
        datetime.datetime,
        "2020-01-01T10:00:00Z",
        datetime.datetime(2020, 1, 1, 10, tzinfo=datetime.timezone.utc),
    ),
    (datetime.time, "10:30", datetime.time(10, 30)),
    (datetime.timedelta, 90, datetime.timedelta(seconds=90)),
    (datetime.timedelta, "PT1H30M", datetime.timedelta(hours=1.5)),
    (datetime.timedelta, "-P1DT0.5S", -datetime.timedelta(days=1, seconds=0.5)),
    (uuid.UUID, str(uuid.UUID(int=1)), uuid.UUID(int=1)),
    (pathlib.Path, "a/b", pathlib.Path("a/b")),
    (Point, {"x": 1}, Point(1.0)),
    (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(1, [Tree(2)])),
    (Pair, {"a": 1}, Pair(1)),
    (Pair, [1, "b"], Pair(1, "b")),
    (Options, {"name": "a"}, {"name": "a"}),
    (Bolt, {"diameter": 1, "grade": "10.9"}, Bolt(diameter=1, grade=Grade.B)),
    (list[Bolt], [{"diameter": 1}], [Bolt(diameter=1)]),
    (complex, [1, 2], [1, 2]),
    (typing.Callable, 1, 1),
]


@pytest.mark.parametrize("hint, value, wanted", CONVERTED, ids=str)
def test_converted(hint, value, wanted):
    found = one(hint, value)
    assert found == wanted
    assert type(found) is type(wanted)


BAD = [
    (float, "1.5", [("", "type")]),
    (float, True, [("", "type")]),
    (float, None, [("", "type")]),
    (float, 10**400, [("", "type")]),
    (int, 1.5, [("", "type")]),
    (int, True, [("", "type")]),
    (int, "1", [("", "type")]),
    (bool, 1, [("", "type")]),
    (bool, "true", [("", "type")]),
    (str, 1, [("", "type")]),
    (None, 0, [("", "type")]),
    (list[float], ["a", 1, None], [("/0", "type"), ("/2", "type")]),
    (list[float], {"a": 1}, [("", "type")]),
    (tuple[int, str], [1], [("", "minItems")]),
    (tuple[int, str], [1, "a", 2], [("", "maxItems")]),
    (tuple[int, str], ["a", 1], [("/0", "type"), ("/1", "type")]),
    (set[int], [1, 1], [("", "uniqueItems")]),
    (set, [[1]], [("", "type")]),
    (dict[str, float], {"a": "x", "b": 1, "c": None}, [("/a", "type"), ("/c", "type")]),
    (dict[int, float], {"a": 1}, [("/a", "propertyNames")]),
    (dict[int, float], {"1": 1, "01": 2}, [("/01", "propertyNames")]),
    (Literal["a", 1], "b", [("", "enum")]),
    (Literal[1], True, [("", "enum")]),
    (Literal["a"], [], [("", "enum")]),
    (Grade, "8.9", [("", "enum")]),
    (Grade, "A", [("", "enum")]),
    (Steel, [235, 360], [("", "enum")]),
    (Flags, 8, [("", "enum")]),
    (Optional[float], "a", [("", "type")]),
    (Union[int, list[int]], [1, "a"], [("/1", "type")]),
    (Union[int, bool], "a", [("", "anyOf")]),
    (Annotated[float, Field(ge=0, le=-1)], -0.5, [("", "minimum"), ("", "maximum")]),
    (Annotated[float, Field(gt=0)], 0, [("", "exclusiveMinimum")]),
    (Annotated[float, Field(lt=0)], 0, [("", "exclusiveMaximum")]),
    (Annotated[int, Field(multiple_of=3)], 4, [("", "multipleOf")]),
    (Annotated[float, Field(multiple_of=0.1)], 0.35, [("", "multipleOf")]),
    (Annotated[str, Field(min_length=2, pattern="^a")], "b", [("", "minLength"), ("", "pattern")]),
    (Annotated[list[int], Field(min_length=2)], [1], [("", "minItems")]),
    (Annotated[dict, Field(max_length=0)], {"a": 1}, [("", "maxProperties")]),
    (Annotated[Optional[float], Field(ge=0)], -1, [("", "minimum")]),
    (Annotated[int, at.Predicate(lambda v: v > 2)], 1, [("", "predicate")]),
    (Annotated[Decimal, Field(gt=0)], -1, [("", "exclusiveMinimum")]),
    (Annotated[datetime.date, Field(ge=datetime.date(2020, 1, 1))], "2019-01-01", [("", "minimum")]),
    (list[Annotated[float, Field(ge=0)]], [1, -1], [("/1", "minimum")]),
    (Annotated[int, AfterValidator(lambda v: 1 / 0 if v else v)], "a", [("", "type")]),
    (Annotated[Union[Cat, Dog], Field(discriminator="kind")], {"kind": "cow"}, [("", "enum")]),
    (Annotated[Union[Cat, Dog], Field(discriminator="kind")], {"kind": "dog"}, [("", "required")]),
    (Decimal, "x", [("", "type")]),
    (Decimal, "NaN", [("", "type")]),
    (Decimal, True, [("", "type")]),
    (fractions.Fraction, "1/0", [("", "type")]),
    (datetime.date, "2020-13-01", [("", "format")]),
    (datetime.datetime, 0, [("", "type")]),
    (datetime.timedelta, "1h", [("", "format")]),
    (datetime.timedelta, 1e300, [("", "type")]),
    (uuid.UUID, "x", [("", "format")]),
    (pathlib.Path, 1, [("", "type")]),
    (Point, {}, [("", "required")]),
    (Point, {"x": "a", "z": 1}, [("/x", "type"), ("/z", "additionalProperties")]),
    (Point, {"x": 2000}, [("", "value")]),
    (Point, [1], [("", "type")]),
    (Tree, {"value": 1, "children": [{"value": "a"}]}, [("/children/0/value", "type")]),
    (Pair, ["a", 1], [("/0", "type"), ("/1", "type")]),
    (Pair, [], [("", "type")]),
    (Options, {"scale": "x", "n": 1}, [("", "required"), ("/scale", "type"), ("/n", "additionalProperties")]),
    (Bolt, {"diameter": -1, "grade": "x"}, [("/diameter", "exclusiveMinimum"), ("/grade", "enum")]),
    (Union[Bolt, float], {"diameter": -1}, [("/diameter", "exclusiveMinimum")]),
]  # fmt: skip


@pytest.mark.parametrize("hint, value, wanted", BAD, ids=str)
def test_bad(hint, value, wanted):
    assert bad(hint, value) == wanted


def test_violations_show_the_value():
    def function(a: int, b: int, c: int, d: int):
        return a

    values = {"a": "x" * 500, "b": [1, 2], "c": [[1]], "d": {str(i): i for i in range(50)}}
    shown = {v["pointer"]: v["value"] for v in violations(function, values)}
    assert shown == {
        "/a": "x" * 200 + "…", "/b": [1, 2], "/c": "an array of 1 items", "/d": "an object of 50 keys",
    }  # fmt: skip


def test_violations_are_many_but_not_endless():
    assert len(bad(list[float], ["x"] * 100_000)) == 100


def test_deep_inputs_are_answered():
    value = {"value": 1}
    for _ in range(5000):
        value = {"value": 1, "children": [value]}
    assert bad(Tree, value)[0][1] == "type"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of 3.12")
def test_type_aliases():
    scope = {"Annotated": Annotated, "Field": Field}
    exec(
        "type Length = Annotated[float, Field(gt=0)]\n"
        "type Rows = list[Row]\n"
        "type Row = dict[str, Row] | float\n"
        "type Many[T] = list[T]\n"
        "def function(a: Length, b: Row, c: Many[int]): return a, b, c\n",
        scope,
    )
    function = scope["function"]
    assert call(function, {"a": 1, "b": {"x": {"y": 1}}, "c": [1.0]}) == (
        1.0,
        {"x": {"y": 1.0}},
        [1],
    )
    found = violations(function, {"a": 0, "b": {"x": {"y": "z"}}, "c": ["x"]})
    assert [v["pointer"] for v in found] == ["/a", "/b/x/y", "/c/0"]
