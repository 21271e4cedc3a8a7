"""What pydantic is asked, case by case; run on the stand-in and on the real one alike.

`TYPES` asks a type about values, `EXPRESSIONS` asks anything, in the names of `PRELUDE`.
`outcome` gives what came out in a form that JSON can hold.
"""

PRELUDE = '''
import collections, datetime as dt, decimal, enum, fractions, json, math, pathlib, re, uuid
from dataclasses import dataclass as std_dataclass, field as std_field
from decimal import Decimal
from typing import *
import annotated_types as at
from pydantic import *
from pydantic.dataclasses import dataclass as pyd_dataclass
from pydantic.functional_validators import *
from pydantic.alias_generators import to_camel, to_pascal, to_snake

class Color(enum.Enum):
    RED = "r"
    GREEN = "g"

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Grade(str, enum.Enum):
    A = "8.8"
    B = "10.9"

class Point(BaseModel):
    x: int
    y: int = 2

class Line(BaseModel):
    """A line."""
    a: Point
    b: Optional[Point] = None
    tags: list[str] = []

class Node(BaseModel):
    value: float
    children: list["Node"] = Field(default_factory=list)

class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9

class Dog(BaseModel):
    kind: Literal["dog"]
    name: str

class Pet(BaseModel):
    pet: Union[Cat, Dog] = Field(discriminator="kind")

class Bolt(BaseModel):
    """A bolt."""
    diameter: float = Field(gt=0, le=100, description="Diameter (mm)", examples=[12], title="D")
    grade: Literal["4.6", "8.8"] = "8.8"
    count: Annotated[int, Field(ge=1, multiple_of=2)] = 2
    label: str = Field("b", min_length=1, max_length=5, pattern="^[a-z]+$")
    color: Color = Color.RED
    note: Optional[str] = Field(None, json_schema_extra={"unit": "mm"})

class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    a: int
    when: dt.date = dt.date(2020, 1, 1)

class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 1

class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    a: int = 1

class Assigned(BaseModel):
    model_config = ConfigDict(validate_assignment=True)
    a: int = 1
    b: int = Field(5, frozen=True)

    @model_validator(mode="after")
    def small(self):
        if self.a > 100:
            raise ValueError("too big")
        return self

class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    max_load: float = Field(alias="maxLoad")
    inner: int = Field(1, validation_alias="in", serialization_alias="out")

class AliasOnly(BaseModel):
    a: int = Field(alias="A")

class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    max_load: float
    yield_stress: float = 235

class Texts(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, use_enum_values=True)
    name: str
    color: Color = Color.RED

class Checked(BaseModel):
    a: int
    b: int = 0
    log: list[str] = []

    @field_validator("a", mode="before")
    @classmethod
    def strip(cls, v):
        return v.strip("mm") if isinstance(v, str) else v

    @field_validator("a", "b")
    @classmethod
    def positive(cls, v, info):
        if v < 0:
            raise ValueError(f"{info.field_name} is negative")
        return v

    @field_validator("b", mode="wrap")
    @classmethod
    def round_b(cls, v, handler):
        try:
            return handler(v)
        except ValidationError:
            return 7

    @model_validator(mode="before")
    @classmethod
    def from_list(cls, data):
        return {"a": data[0]} if isinstance(data, list) else data

    @model_validator(mode="after")
    def total(self):
        assert self.a + self.b < 1000, "sum is too large"
        return self

class Computed(BaseModel):
    w: float
    h: float

    @computed_field
    @property
    def area(self) -> float:
        """The area."""
        return self.w * self.h

class Dumped(BaseModel):
    when: dt.datetime
    amount: Decimal = Decimal("1.50")
    span: dt.timedelta = dt.timedelta(hours=1.5)
    path: pathlib.Path = pathlib.Path("a/b")
    color: Color = Color.GREEN
    ids: set[int] = {3}
    pair: tuple[int, str] = (1, "a")
    raw: bytes = b"ab"

    @field_serializer("amount")
    def amount_text(self, value):
        return f"{value} EUR"

class Secretive(BaseModel):
    a: int = 1
    b: int = Field(2, exclude=True)
    c: int = Field(3, repr=False)
    _count: int = PrivateAttr(default=0)

    def model_post_init(self, context):
        self._count = self.a + 1

T = TypeVar("T")

class Box(BaseModel, Generic[T]):
    item: T
    more: list[T] = []

class Loads(RootModel[list[float]]):
    pass

class Base(BaseModel):
    a: int = 1

class Child(Base):
    b: str = "x"
    a: float = 2.5

class Holder(BaseModel):
    item: Base

@std_dataclass
class Plain:
    a: int
    b: str = "x"
    c: list[int] = std_field(default_factory=list)

@pyd_dataclass
class Valid:
    a: int
    b: float = Field(1.0, gt=0)

    @field_validator("a")
    @classmethod
    def even(cls, v):
        if v % 2:
            raise ValueError("odd")
        return v

class Pair(NamedTuple):
    a: int
    b: str = "q"

@validate_call
def area(w: float, h: Annotated[float, Field(gt=0)] = 1, *, scale: int = 1):
    return w * h * scale

@validate_call(validate_return=True)
def wrong() -> int:
    return "x"

def double(v):
    return v * 2

def caught(f):
    try:
        f()
    except ValidationError as e:
        return re.sub(r"\\n    For further information visit \\S*", "", str(e))

def names(t):
    return sorted(t.model_fields)
'''

# hint -> values; each is validated in Python mode.
TYPES = {
    "int": [
        "True", "1.0", "1.5", "'1'", "'1.0'", "'1.5'", "' 2 '", "'1_000'", "''", "'a'", "b'3'", "None",
        "[]", "Decimal('2')", "Decimal('2.5')", "Level.LOW", "float('nan')", "'-0'", "'1e3'",
        "fractions.Fraction(2)", "10**30", "'9' * 30", "{}",
    ],
    "float": [
        "True", "1", "'1.5'", "'nan'", "'a'", "b'3'", "None", "Decimal('2.5')", "Level.LOW", "'1_0.5'",
        "fractions.Fraction(1, 2)", "'1e400'", "10**400", "[1]", "' 1 '", "''", "1.5",
    ],
    "bool": [
        "0", "1", "2", "1.0", "0.5", "'yes'", "'OFF'", "'x'", "b'true'", "None", "[]", "Decimal(1)", "'T'",
    ],
    "str": ["b'ab'", "1", "None", "Color.RED", "Grade.A", "b'\\xff'", "bytearray(b'a')", "'é'", "1.5"],
    "bytes": ["'a'", "1", "b'x'", "bytearray(b'x')"],
    "None": ["None", "1"],
    "Any": ["object", "1"],
    "complex": ["1", "'1+2j'", "'x'", "1.5"],
    "fractions.Fraction": ["'1/3'", "0.5", "'x'"],
    "Decimal": [
        "1", "1.5", "'1.5'", "' 1 '", "'x'", "None", "True", "float('nan')", "'NaN'", "[]", "0.1",
    ],
    "Annotated[Decimal, Field(max_digits=3, decimal_places=1)]": ["'12.3'", "'12.34'", "'1234.5'", "'123'", "'1.23'"],
    "Annotated[Decimal, Field(gt=0, multiple_of=0.5)]": ["-1", "1.5", "1.7"],
    "list[int]": [
        "(1, 2)", "{1}", "{1: 2}", "'ab'", "(i for i in [1])", "{1: 2}.keys()", "None", "['a', 'b']",
        "collections.deque([1])", "range(2)", "[[1]]", "b'ab'", "1",
    ],
    "list": ["(1, 'a')", "1"],
    "tuple": ["[1, 2]", "1"],
    "tuple[int, int]": ["[1, 2]", "(1,)", "{1}", "'ab'", "[1, 2, 3]", "[1, 'a']", "['a', 'b']"],
    "tuple[int, ...]": ["[1, 'a']", "()", "[1, 2]"],
    "tuple[()]": ["[]", "[1]"],
    "set[int]": ["[1, 1]", "(1,)", "{1: 1}", "'ab'", "[[]]", "frozenset({1})"],
    "set": ["[[]]", "[1, 1]"],
    "frozenset[str]": ["['a']", "1"],
    "collections.deque[int]": ["[1, '2']", "1"],
    "Sequence[int]": ["[1, '2']", "(1,)", "{1}", "'ab'"],
    "dict[str, int]": ["{'a': 'x', 1: 2}", "[('a', 1)]", "{}", "collections.OrderedDict(a=1)", "{'a': {}}", "None"],
    "dict[int, float]": ["{'1': '2.5'}", "{'a': 1}"],
    "dict": ["{1: 2}", "1"],
    "Mapping[str, int]": ["{'a': '1'}", "1"],
    "collections.Counter[str]": ["{'a': 2}", "{'a': 'x'}"],
    "Optional[int]": ["None", "'1'", "'a'"],
    "Union[int, str]": ["1.5", "[]", "'1'", "1", "True", "None"],
    "Union[int, float]": ["'1'", "1.0", "1", "True", "'1.5'"],
    "Union[float, int]": ["1", "1.0"],
    "Union[str, int]": ["1", "'1'"],
    "Union[str, list[str], dict[str, int]]": ["['a']", "{'a': 1}", "1"],
    "Union[int, None, str]": ["None", "[]"],
    "Union[Point, Line]": ["{'x': 1}", "{'a': {'x': 1}}", "{}"],
    "Union[Base, Child]": ["{'a': 1, 'b': 'z'}", "{'a': 1}", "Child()"],
    "Union[list[int], list[str]]": ["['a']", "[1]", "['1']"],
    "Union[Annotated[int, Field(gt=3)], Annotated[str, Field(min_length=3)]]": ["1", "'a'", "5"],
    "Union[bool, int]": ["1", "True", "'1'", "5"],
    "Union[dt.date, str]": ["'2020-01-01'", "'x'", "dt.date(2020, 1, 1)"],
    "Union[tuple[int, str], dict[str, int], set[int], Literal['a', 'b'], Color, None]": ["1.5"],
    "Annotated[Union[Cat, Dog], Field(discriminator='kind')]": [
        "{'kind': 'cat'}", "{'kind': 'dog'}", "{'kind': 'cow'}", "{}", "1", "Cat(kind='cat')",
    ],
    "Annotated[Union[int, str], Field(union_mode='left_to_right')]": ["'1'", "'a'"],
    "Color": ["'r'", "'R'", "Color.GREEN", "None", "[]"],
    "Level": ["1", "'1'", "1.0", "3", "True"],
    "Grade": ["'8.8'", "8.8"],
    "Literal['a', 1, None]": ["'b'", "1", "None", "True", "1.0"],
    "Literal['a']": ["2", "'a'"],
    "Literal[Color.RED]": ["'r'", "Color.RED"],
    "dt.date": [
        "'2020-01-01'", "'2020-01-01T00:00:00'", "'2020-01-01T10:00:00Z'", "'10:30'", "'x'", "''", "0", "1e9",
        "None", "dt.datetime(2020, 1, 1, 1)", "'1600000000'", "'2020-13-01'", "'2020-02-30'",
    ],
    "dt.datetime": [
        "'2020-01-01'", "'2020-01-01T00:00:00'", "'2020-01-01 10:30'", "'x'", "None", "dt.date(2020, 1, 1)",
        "'2020-01-01T10:00:00+02:00'", "'2020-01-01T25:00:00'", "'2020-01-01T10:00:00.123'", "[]",
    ],
    "dt.time": ["'10:30'", "'10:30:15.5'", "'x'", "None", "'25:00'", "'2020-01-01'"],
    "dt.timedelta": [
        "'PT1H30M'", "'P1DT2H'", "'10:30'", "0", "3600.5", "'x'", "''", "None", "'P1D'", "'1 day 10:00:00'",
        "'-P1D'", "dt.timedelta(1)",
    ],
    "uuid.UUID": ["'x'", "1", "str(uuid.UUID(int=1))", "None", "b'x'", "uuid.UUID(int=1)"],
    "pathlib.Path": ["'x'", "1", "pathlib.Path('a')"],
    "re.Pattern": ["'a('", "'a'", "1"],
    "Callable": ["1", "len"],
    "type": ["int", "1"],
    "type[int]": ["bool", "str"],
    "Annotated[str, Field(min_length=2)]": ["'b'", "'bb'", "1"],
    "Annotated[str, Field(max_length=1)]": ["'bb'"],
    "Annotated[str, Field(pattern='^a+$')]": ["'bb'", "'aa'"],
    "Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, min_length=1)]": ["' a '", "'  '"],
    "Annotated[list[int], Field(min_length=2)]": ["[1]", "[1, 2]", "['a']"],
    "Annotated[list[int], Field(max_length=1)]": ["[1, 2]"],
    "Annotated[set[int], Field(max_length=1)]": ["[1, 2]"],
    "Annotated[set[int], Field(min_length=1)]": ["[]"],
    "Annotated[dict[str, int], Field(max_length=1)]": ["{'a': 1, 'b': 1}"],
    "Annotated[dict[str, int], Field(min_length=1)]": ["{}"],
    "Annotated[tuple[int, ...], Field(min_length=1)]": ["()"],
    "Annotated[bytes, Field(min_length=2)]": ["b'a'"],
    "Annotated[int, Field(multiple_of=5)]": ["7", "10"],
    "Annotated[float, Field(multiple_of=0.1)]": ["0.3", "0.35"],
    "Annotated[float, Field(gt=1.5)]": ["1", "2", "float('nan')"],
    "Annotated[float, Field(ge=1)]": ["0.5", "1", "float('nan')"],
    "Annotated[int, Field(gt=0, lt=-3)]": ["0"],
    "Annotated[int, Field(strict=True)]": ["'1'", "1", "1.0"],
    "Annotated[Optional[int], Field(gt=0)]": ["-1", "None"],
    "Annotated[Union[int, str], Field(gt=0)]": ["-1", "1"],
    "Annotated[dt.date, Field(ge=dt.date(2020, 1, 1))]": ["dt.date(2019, 1, 1)", "'2021-01-01'"],
    "Annotated[int, at.Interval(gt=1, lt=3)]": ["7", "2"],
    "Annotated[str, at.Len(1, 2)]": ["''", "'abc'"],
    "Annotated[int, at.Ge(0), at.MultipleOf(3)]": ["-3", "4", "6"],
    "Annotated[int, AfterValidator(double)]": ["'2'", "'a'"],
    "Annotated[int, BeforeValidator(lambda v: int(v, 16) if isinstance(v, str) else v)]": ["'ff'", "'xx'"],
    "Annotated[int, PlainValidator(double)]": ["'a'"],
    "Annotated[int, WrapValidator(lambda v, h: h(v) + 1)]": ["'1'", "'a'"],
    "list[Annotated[int, AfterValidator(double)]]": ["['2', 'a']"],
    "PositiveInt": ["0", "1"],
    "NonNegativeFloat": ["-0.5", "0"],
    "FiniteFloat": ["float('inf')", "1"],
    "StrictInt": ["'1'", "1", "True"],
    "StrictFloat": ["1", "'1'"],
    "StrictStr": ["b'a'", "'a'"],
    "StrictBool": ["1", "True"],
    "conint(gt=1, le=3)": ["1", "4", "2"],
    "confloat(ge=0, multiple_of=0.5)": ["-1", "0.7", "1"],
    "constr(min_length=2, strip_whitespace=True, pattern='^a')": ["' a '", "' ab '", "'bb'"],
    "conlist(int, min_length=1, max_length=2)": ["[]", "[1, 2, 3]", "['a']"],
    "Json": ["'[1]'", "'{'"],
    "Json[list[int]]": ["'[1, \"a\"]'", "'[1]'", "1"],
    "AwareDatetime": ["'2020-01-01T00:00:00'"],
    "NaiveDatetime": ["'2020-01-01T00:00:00Z'"],
    "PastDate": ["'2999-01-01'", "'1999-01-01'"],
    "InstanceOf[Point]": ["{'x': 1}", "Point(x=1)"],
    "Point": ["{'x': '1'}", "{'x': 1, 'z': 2}", "{}", "1", "None", "Point(x=3)", "[]", "{'x': 'a', 'y': 'b'}"],
    "list[Point]": ["[{'x': 1}, {'x': 'a'}, {}]", "[Point(x=1)]"],
    "Plain": ["{'a': '1'}", "{}", "1", "Plain(1)", "{'a': 1, 'c': ['x']}", "{'a': 1, 'd': 2}"],
    "Valid": ["{'a': 2}", "{'a': 1}", "{'a': 2, 'b': -1}", "1"],
    "Pair": ["[1, 2]", "(1,)", "{'a': 1}", "{'a': 1, 'c': 2}", "[1, 'a', 3]", "[]", "1"],
    "Line": ["{'a': {'x': 1}, 'b': {'x': 'q'}}", "{'a': 1, 'tags': 'x'}", "{'a': {'x': 1}, 'tags': [1, 'a']}"],
    "Node": ["{'value': 1, 'children': [{'value': 2, 'children': [{'value': 'x'}]}]}"],
    "Pet": ["{'pet': {'kind': 'dog'}}", "{'pet': {'kind': 'x'}}", "{'pet': {'lives': 1}}", "{'pet': {'kind': 'cat', 'lives': 'a'}}"],
    "Bolt": [
        "{'diameter': -1}", "{'diameter': 101, 'grade': 'x', 'count': 3, 'label': 'ABC'}", "{'diameter': 12}",
        "{'diameter': 1, 'label': ''}", "{'diameter': 1, 'label': 'abcdef', 'color': 'b'}", "{'diameter': 'x', 'count': 0}",
    ],
    "Strict": ["{'a': 1}", "{'a': '1', 'b': 2}", "{'a': 1, 'when': '2020-01-01'}", "{'a': 1.0}", "{'a': True}"],
    "Open": ["{'a': 1, 'z': [1]}"],
    "Aliased": ["{'maxLoad': 1}", "{'max_load': 1, 'in': 2}", "{}", "{'maxLoad': 'a'}"],
    "AliasOnly": ["{'A': 1}", "{'a': 1}", "{'A': 'x'}"],
    "Camel": ["{'maxLoad': 1, 'yieldStress': 2}", "{'max_load': 1}"],
    "Texts": ["{'name': ' a ', 'color': 'g'}", "{'name': 'a'}"],
    "Checked": [
        "{'a': '12mm'}", "{'a': -1}", "{'a': 1, 'b': 'x'}", "[4]", "{'a': 999, 'b': 1}", "{'a': -1, 'b': -2}",
    ],
    "Box[int]": ["{'item': '1', 'more': ['2', 'x']}"],
    "Box": ["{'item': 'a'}"],
    "Box[list[Point]]": ["{'item': [{'x': 1}]}", "{'item': [{}]}"],
    "Loads": ["[1, '2']", "['a']", "{}"],
    "Child": ["{'a': '1.5', 'b': 1}"],
    "Holder": ["{'item': Child()}", "{'item': {'a': 'x'}}"],
}  # fmt: skip

# Types whose JSON Schema is compared, in validation and in serialization mode.
SCHEMAS = """
int float str bool None list[int] list dict dict[str,int] dict[int,str] tuple[int,str]
tuple[int,...] tuple tuple[()] set[int] frozenset[int] Color Level Literal['a'] Literal['a','b']
Literal['a',1] Literal[1,2.5] Optional[int] Optional[Point] Union[int,str] Union[int,None,str] dt.date dt.datetime
dt.time dt.timedelta uuid.UUID pathlib.Path bytes Pair Plain Valid Point Any object Sequence[int]
complex Decimal fractions.Fraction re.Pattern Json[list[int]] list[Point] collections.deque[int]
Mapping[str,int] collections.Counter[str] Union[Cat,Dog] Pet Bolt Strict Open Aliased Camel Texts Line Node Computed
Dumped Box[int] Loads Child Holder Secretive Annotated[Decimal,Field(gt=0,le=5)]
Annotated[Optional[int],Field(gt=0)] Annotated[str,Field(pattern="a",title="T")]
Annotated[Point,Field(description="q")] Annotated[list[int],Field(min_length=1)]
Annotated[dict[str,int],Field(min_length=1)] Annotated[float,Field(ge=0,lt=5,multiple_of=0.5)]
Annotated[int,AfterValidator(double)] PositiveInt conlist(int,min_length=1) Annotated[Union[Cat,Dog],Field(discriminator='kind')]
dict[Color,int] Callable Optional[Color] list[Annotated[int,Field(gt=1,description='n')]] constr(min_length=1,to_upper=True)
""".split()

EXPRESSIONS = [
    # Dumps.
    "Point(x=1).model_dump()",
    "Line(a=Point(x=1)).model_dump()",
    "Line(a=Point(x=1)).model_dump(exclude_none=True)",
    "Line(a=Point(x=1)).model_dump(exclude_unset=True)",
    "Line(a=Point(x=1, y=5)).model_dump(exclude_defaults=True)",
    "Line(a=Point(x=1)).model_dump(include={'a'})",
    "Line(a=Point(x=1)).model_dump(include={'a': {'x'}})",
    "Line(a=Point(x=1)).model_dump(exclude={'a': {'x'}, 'tags': True})",
    "Line(a=Point(x=1), tags=['a', 'b', 'c']).model_dump(exclude={'tags': {0}})",
    "Node(value=1, children=[{'value': 2}]).model_dump(exclude={'children': {'__all__': {'children'}}})",
    "Node(value=1, children=[{'value': 2}]).model_dump_json()",
    "Point(x=1).model_dump_json(indent=2)",
    "Bolt(diameter=1).model_dump()",
    "Bolt(diameter=1).model_dump(mode='json')",
    "Aliased(maxLoad=1).model_dump(by_alias=True)",
    "Aliased(maxLoad=1).model_dump()",
    "Camel(maxLoad=1).model_dump(by_alias=True)",
    "Dumped(when='2020-01-01T00:00:00Z').model_dump(mode='json')",
    "Dumped(when='2020-01-01T00:00:00').model_dump_json()",
    "Dumped(when=dt.datetime(2020, 1, 1)).model_dump()",
    "Computed(w=1, h=2).model_dump()",
    "Computed(w=1, h=2).model_dump_json()",
    "repr(Computed(w=1, h=2))",
    "Secretive().model_dump()",
    "repr(Secretive(a=4)), Secretive(a=4)._count",
    "Open(a=1, z=2).model_dump(), Open(z=2).model_extra, Open(z=2).z, repr(Open(z=2))",
    "Texts(name=' a ', color='g').model_dump()",
    "Loads([1, 2]).model_dump(), Loads([1]).model_dump_json(), repr(Loads([1])), Loads([1]).root",
    "Holder(item=Child()).model_dump()",
    "Box[int](item=1).model_dump(), Box[int].__name__, repr(Box[int](item=1))",
    "Pet(pet={'kind': 'cat'}).model_dump()",
    "TypeAdapter(list[Point]).dump_python([Point(x=1)])",
    "TypeAdapter(list[Point]).dump_json([Point(x=1)])",
    "TypeAdapter(Plain).dump_python(Plain(1))",
    "TypeAdapter(dict[str, Any]).dump_python({'a': {1, 2}, 'b': Decimal('1.5'), 'c': Point(x=1)}, mode='json')",
    "TypeAdapter(dt.timedelta).dump_python(dt.timedelta(days=-1, hours=3), mode='json')",
    "TypeAdapter(dt.timedelta).dump_python(dt.timedelta(days=400, seconds=3661, microseconds=5), mode='json')",
    "TypeAdapter(float).dump_json(float('nan'))",
    "TypeAdapter(dict[int, float]).dump_json({1: 2.0})",
    "TypeAdapter(Union[int, Point]).dump_python(Point(x=1))",
    "TypeAdapter(Annotated[float, PlainSerializer(lambda v: f'{v:.2f}')]).dump_python(1.5)",
    "TypeAdapter(Annotated[float, PlainSerializer(lambda v: f'{v:.2f}', when_used='json')]).dump_python(1.5)",
    "TypeAdapter(Annotated[int, WrapSerializer(lambda v, h: h(v) + 1)]).dump_python(1)",
    # JSON mode.
    "Strict.model_validate_json('{\"a\": 1, \"when\": \"2020-01-01\"}')",
    "Strict.model_validate_json('{\"a\": \"1\"}')",
    "TypeAdapter(tuple[int, int]).validate_json('[1, 2]', strict=True)",
    "TypeAdapter(set[int]).validate_json('[1, 2]', strict=True)",
    "TypeAdapter(Color).validate_json('\"r\"', strict=True)",
    "TypeAdapter(dict[int, int]).validate_json('{\"1\": 2}')",
    "TypeAdapter(list[int]).validate_json('[1, \"a\"]')",
    # Objects.
    "Point(x=1) == Point(x=1), Point(x=1) == Point(x=2), Point(x=1) == 1, Point(x=1) == Base()",
    "Point(x=1, y=2) == Point(x=1)",
    "repr(Point(x=1)), str(Point(x=1))",
    "Point(x=1).model_fields_set, sorted(Point(x=1, y=1).model_fields_set)",
    "dict(Point(x=1)), list(Point(x=1))",
    "Point(x=1).model_copy(update={'y': 'z'})",
    "Line(a=Point(x=1)).model_copy(deep=True) == Line(a=Point(x=1))",
    "Point.model_construct(x='a')",
    "names(Child), list(Child.model_fields), list(Bolt.model_fields)",
    "Bolt.model_fields['diameter'].description, Bolt.model_fields['diameter'].is_required(), Bolt.model_fields['grade'].default",
    "hash(Frozen()) == hash(Frozen()), Frozen() in {Frozen()}",
    "hash(Point(x=1))",
    "setattr(Frozen(), 'a', 2)",
    "setattr(Assigned(), 'a', 'x')",
    "setattr(Assigned(), 'b', 1)",
    "setattr(Assigned(), 'a', 200)",
    "setattr(Assigned(), 'zz', 200)",
    "setattr(Point(x=1), 'zz', 2)",
    "(lambda p: (setattr(p, 'x', 'free'), p.x))(Point(x=1))",
    "(lambda p: (setattr(p, 'a', '7'), p.a, p.model_fields_set))(Assigned())",
    "Point(1)",
    "Point(x=1).nothing",
    "Point.x",
    "Checked(a='3mm').model_dump()",
    "Node.model_validate(Node(value=1)) is not None",
    "create_model('Made', a=(int, 1), b=(str, ...))(b='x')",
    "create_model('Made', __base__=Point, z=(int, 3))(x=1)",
    "Loads.model_validate([1]), Loads(root=[1])",
    "Valid(2), Valid(a='4', b=2)",
    "Valid(1)",
    "Valid()",
    "Valid(2, b=-1)",
    "Valid(2, 1, 3)",
    "area('2', 3), area(2), area(2, h='4', scale=2)",
    "area('x')",
    "area()",
    "area(1, 2, 3)",
    "area(1, zz=3)",
    "area(1, w=3)",
    "area(1, h=-1, scale='a')",
    "wrong()",
    "to_camel('max_load'), to_pascal('max_load'), to_snake('maxLoad'), to_camel('a_1b'), to_snake('HTTPServer2')",
    "issubclass(Child, Base), isinstance(Child(), BaseModel)",
    "TypeAdapter(Point).validate_python(type('O', (), {'x': 1, 'y': 3})(), from_attributes=True)",
    "caught(lambda: Point(x='a', y=None))",
    "caught(lambda: Point(x='a' * 80))",
    "caught(lambda: TypeAdapter(list[int]).validate_python(['a']))",
    "caught(lambda: Line(a={'x': 'q'}))",
    "ValidationError.__mro__[1].__name__",
    "[e['ctx'] for e in _errors(lambda: Bolt(diameter=-1, label='abcdef'))]",
    "[e['input'] for e in _errors(lambda: Line(a={}, tags=1))]",
    # Mistakes in models.
    "type('M', (BaseModel,), {'__module__': __name__, 'x': 3})",
    "type('M', (BaseModel,), {'__module__': __name__, '__annotations__': {'x': object.__class__, 'y': 'Nope'}}).model_validate({})",
    "Field(default=1, default_factory=list)",
]  # fmt: skip

# Where the stand-in differs, each with its reason; documented in docs/pydantic.md.
DIFFERENT = {
    "dt.datetime <- '2020-01-01T25:00:00'": "the reason within the message about a malformed date",
    "Json <- '{'": "the JSON parser's own words within the message",
}


def names():
    """The names that the cases use."""
    scope = {"__name__": "pydantic_case_models"}
    import sys
    import types

    module = types.ModuleType("pydantic_case_models")
    sys.modules["pydantic_case_models"] = module
    scope = module.__dict__
    exec(PRELUDE, scope)

    def _errors(function):
        try:
            function()
        except scope["ValidationError"] as error:
            return error.errors()

    scope["_errors"] = _errors
    return scope


def cases():
    """`{case: expression}`"""
    made = {}
    for hint, values in TYPES.items():
        for value in values:
            made[f"{hint} <- {value}"] = f"TypeAdapter({hint}).validate_python({value})"
    for hint in SCHEMAS:
        for mode in ("validation", "serialization"):
            made[f"{mode} schema of {hint}"] = f"TypeAdapter({hint}).json_schema(mode={mode!r})"
    for expression in EXPRESSIONS:
        made[expression] = expression
    return made


def outcome(expression, scope):
    """What an expression gives: a value, errors or an exception."""
    try:
        value = eval(expression, scope)
    except scope["ValidationError"] as error:
        return {"errors": [[e["type"], list(map(str, e["loc"])), e["msg"]] for e in error.errors()]}
    except Exception as error:
        return {"raises": type(error).__name__}
    if " schema of " in expression or ".json_schema(" in expression:
        return {"schema": value}
    # A zone shows as each library's own.
    return {
        "value": repr(value)
        .replace("TzInfo(0)", "datetime.timezone.utc")
        .replace("TzInfo(7200)", "datetime.timezone(datetime.timedelta(seconds=7200))")
    }
