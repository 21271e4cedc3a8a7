"""Schemas and descriptions from signatures, type hints and docstrings."""

import collections
import dataclasses
import datetime
import enum
import fractions
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
from mecapy_shim.handler import Handler
from pydantic import BaseModel, Field


def schema(hint):
    """The schema of a parameter with this hint, with the document's definitions."""

    def function(x):
        return x

    function.__annotations__ = {"x": hint}
    described = Handler(function).describe()
    assert described["warnings"] == []
    document = described["inputs_schema"]
    found = document["properties"]["x"]
    return {**found, "$defs": document["$defs"]} if "$defs" in document else found


class Grade(enum.Enum):
    """Bolt grades."""

    A = "8.8"
    B = "10.9"


class Steel(enum.Enum):
    S235 = (235, 360)


class Level(enum.IntEnum):
    LOW = 1


class Pair(typing.NamedTuple):
    a: int
    b: str = "q"


class Bolt(BaseModel):
    diameter: float = Field(gt=0, json_schema_extra={"unit": "mm"})


LENGTH = Annotated[
    float,
    Field(
        ge=6, le=100, multiple_of=2, title="D", description="Bolt diameter", examples=[12],
        json_schema_extra={"unit": "mm", "x-group": "geometry"},
    ),
]  # fmt: skip

NUMBER = {"type": "number"}
SCHEMAS = [
    (float, NUMBER),
    (int, {"type": "integer"}),
    (bool, {"type": "boolean"}),
    (str, {"type": "string"}),
    (None, {"type": "null"}),
    (Any, {}),
    (object, {}),
    (list, {"type": "array"}),
    (list[float], {"type": "array", "items": NUMBER}),
    (tuple, {"type": "array"}),
    (tuple[float, ...], {"type": "array", "items": NUMBER}),
    (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
    ),
    (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
    (typing.Sequence[float], {"type": "array", "items": NUMBER}),
    (collections.deque[float], {"type": "array", "items": NUMBER}),
    (dict[str, float] | None, {"anyOf": [{"type": "object", "additionalProperties": NUMBER}, {"type": "null"}]}),
    (list[dict], {"type": "array", "items": {"type": "object"}}),
    (
        list[dict[int, str]],
        {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "propertyNames": {"pattern": "^[-+]?[0-9]+$"},
            },
        },
    ),
    (Literal["a"], {"type": "string", "const": "a"}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a", 1], {"enum": ["a", 1]}),
    (Literal[Grade.A], {"type": "string", "const": "8.8"}),
    (Grade, {"type": "string", "enum": ["8.8", "10.9"], "description": "Bolt grades."}),
    (Steel, {"type": "string", "enum": ["S235"]}),
    (Level, {"type": "integer", "enum": [1]}),
    (Optional[float], {"anyOf": [NUMBER, {"type": "null"}]}),
    (Union[int, str, None], {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}),
    (Union[float, Any], {}),
    (Decimal, NUMBER),
    (fractions.Fraction, NUMBER),
    (datetime.datetime, {"type": "string", "format": "date-time"}),
    (datetime.date, {"type": "string", "format": "date"}),
    (datetime.time, {"type": "string", "format": "time"}),
    (
        datetime.timedelta,
        {"anyOf": [NUMBER, {"type": "string", "format": "duration"}], "x-unit": "s"},
    ),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (pathlib.Path, {"type": "string", "format": "path"}),
    (
        LENGTH,
        {
            "type": "number", "minimum": 6, "maximum": 100, "multipleOf": 2, "title": "D",
            "description": "Bolt diameter", "examples": [12], "x-unit": "mm", "x-group": "geometry",
        },
    ),
    (Annotated[float, Field(gt=0, lt=1)], {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    (Annotated[float, at.Interval(ge=0, lt=1)], {"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
    (Annotated[float, at.Unit("mm")], {"type": "number", "x-unit": "mm"}),
    (Annotated[float, "mm"], {"type": "number", "x-unit": "mm"}),
    (Annotated[float, "A length"], {"type": "number", "description": "A length"}),
    (Annotated[float, at.doc("A length [mm]")], {"type": "number", "description": "A length [mm]", "x-unit": "mm"}),
    (
        Annotated[str, Field(min_length=1, max_length=2, pattern="^a")],
        {"type": "string", "minLength": 1, "maxLength": 2, "pattern": "^a"},
    ),
    (Annotated[list[int], at.Len(1, 2)], {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}),
    (Annotated[Optional[float], Field(ge=0)], {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}),
    (Annotated[datetime.date, Field(ge=datetime.date(2020, 1, 1))], {"type": "string", "format": "date"}),
    (Annotated[Decimal, Field(gt=Decimal("0.5"))], {"type": "number", "exclusiveMinimum": 0.5}),
    (pydantic.PositiveFloat, {"type": "number", "exclusiveMinimum": 0}),
    (pydantic.conlist(float, min_length=1), {"type": "array", "items": NUMBER, "minItems": 1}),
    (typing.NewType("Length", float), NUMBER),
    (
        Pair,
        {
            "$ref": "#/$defs/Pair",
            "$defs": {
                "Pair": {
                    "type": "object",
                    "title": "Pair",
                    "properties": {"a": {"type": "integer"}, "b": {"type": "string", "default": "q"}},
                    "required": ["a"],
                    "additionalProperties": False,
                }
            },
        },
    ),
    (
        list[Bolt],
        {
            "type": "array",
            "items": {"$ref": "#/$defs/Bolt"},
            "$defs": {
                "Bolt": {
                    "type": "object",
                    "title": "Bolt",
                    "properties": {"diameter": {"type": "number", "exclusiveMinimum": 0, "title": "Diameter", "x-unit": "mm"}},
                    "required": ["diameter"],
                }
            },
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize("hint, wanted", SCHEMAS, ids=str)
def test_schemas(hint, wanted):
    assert schema(hint) == wanted


def test_a_signature():
    def function(
        force: float,
        section: Annotated[float, Field(gt=0)],
        grade: Grade = Grade.A,
        when: datetime.date = datetime.date(2020, 1, 1),
        factor: float = None,
    ) -> dict:
        """Stress in a bolt.

        After EN 1993.

        Parameters
        ----------
        force : float
            Applied force (N)
        section
            Section [mm²]
        """

    described = Handler(function).describe()
    assert described == {
        "inputs_schema": {
            "type": "object",
            "properties": {
                "force": {"type": "number", "description": "Applied force (N)", "x-unit": "N"},
                "section": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "description": "Section [mm²]",
                    "x-unit": "mm²",
                },
                "grade": {
                    "type": "string",
                    "enum": ["8.8", "10.9"],
                    "description": "Bolt grades.",
                    "default": "8.8",
                },
                "when": {"type": "string", "format": "date", "default": "2020-01-01"},
                "factor": {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None},
            },
            "required": ["force", "section"],
            "additionalProperties": False,
        },
        "outputs_schema": {"type": "object"},
        "description": "Stress in a bolt.\n\nAfter EN 1993.",
        "warnings": [],
    }


def test_a_field_as_the_default():
    def function(a: float = Field(ge=0, description="Length (mm)"), b: int = Field(5, title="B")):
        pass

    assert Handler(function).describe()["inputs_schema"] == {
        "type": "object",
        "properties": {
            "a": {"type": "number", "minimum": 0, "description": "Length (mm)", "x-unit": "mm"},
            "b": {"type": "integer", "title": "B", "default": 5},
        },
        "required": ["a"],
        "additionalProperties": False,
    }


def test_extra_keywords():
    def anything(a: int, **rest):
        pass

    def numbers(**rest: float):
        pass

    assert Handler(anything).describe()["inputs_schema"]["additionalProperties"] is True
    assert Handler(numbers).describe()["inputs_schema"]["additionalProperties"] == NUMBER


def test_the_whole_object():
    def plain(inputs):
        pass

    def values(data: dict[str, float]):
        pass

    def model(inputs: Bolt):
        pass

    assert Handler(plain).describe()["inputs_schema"] == {"type": "object"}
    assert Handler(values).describe()["inputs_schema"] == {
        "type": "object",
        "additionalProperties": NUMBER,
    }
    found = Handler(model).describe()["inputs_schema"]
    assert found["properties"]["diameter"]["x-unit"] == "mm"
    assert "$defs" not in found


def test_recursion():
    found = Handler(future_handlers.nested).describe()
    defs = found["inputs_schema"]["$defs"]
    assert defs["Node"]["properties"]["children"] == {
        "type": "array",
        "items": {"$ref": "#/$defs/Node"},
    }
    assert defs["Part"]["properties"]["parts"]["items"] == {"$ref": "#/$defs/Part"}
    assert defs["Options"]["required"] == ["name"]
    assert defs["Options"]["properties"]["kind"] == {"type": "string", "enum": ["a", "b"]}
    assert found["outputs_schema"]["properties"]["value"] == NUMBER
    assert found["outputs_schema"]["$defs"]["Node"]["required"] == ["value", "children"]
    assert found["warnings"] == []


def test_classes_of_the_same_name_are_kept_apart():
    def make(hint):
        return dataclasses.make_dataclass("Item", [("v", hint)])

    def function(a, b):
        pass

    function.__annotations__ = {"a": make(int), "b": make(str)}
    found = Handler(function).describe()["inputs_schema"]
    assert found["properties"] == {"a": {"$ref": "#/$defs/Item"}, "b": {"$ref": "#/$defs/Item_2"}}
    assert found["$defs"]["Item_2"]["properties"]["v"] == {"type": "string"}


def test_models_of_the_same_name_are_kept_apart():
    def make(hint):
        return pydantic.create_model("Item", v=(hint, ...))

    def function(a, b):
        pass

    function.__annotations__ = {"a": make(int), "b": list[make(str)]}
    found = Handler(function).describe()["inputs_schema"]
    assert found["properties"]["a"] == {"$ref": "#/$defs/Item"}
    assert found["properties"]["b"]["items"] == {"$ref": "#/$defs/Item_2"}
    assert found["$defs"]["Item_2"]["properties"]["v"]["type"] == "string"


def test_a_class_and_a_method():
    class Beam:
        """A beam.

        Attributes:
            length: Span (m)
        """

        def __init__(self, length: float, material: str = "S235"):
            """Make one.

            :param material: Steel grade
            """

        def load(self, force: float) -> float:
            """Bending.

            Args:
                force: Load (kN)

            Returns:
                Deflection (mm)
            """

    described = Handler(Beam.load, cls=Beam, init=["length", "material"]).describe()
    assert described == {
        "inputs_schema": {
            "type": "object",
            "properties": {
                "length": {"type": "number", "description": "Span (m)", "x-unit": "m"},
                "material": {"type": "string", "description": "Steel grade", "default": "S235"},
                "force": {"type": "number", "description": "Load (kN)", "x-unit": "kN"},
            },
            "required": ["length", "force"],
            "additionalProperties": False,
        },
        "outputs_schema": {"type": "number", "description": "Deflection (mm)", "x-unit": "mm"},
        "description": "Bending.",
        "warnings": [],
    }


def test_a_dataclass_with_docs():
    @dataclasses.dataclass
    class Plate:
        """A plate.

        Attributes
        ----------
        t : float
            Plate gauge (mm)
        """

        t: float
        holes: list[int] = dataclasses.field(default_factory=list)
        label: str = None

    def function(plate: Plate) -> Plate:
        pass

    described = Handler(function).describe()
    assert described["inputs_schema"]["$defs"]["Plate"] == {
        "type": "object",
        "title": "Plate",
        "description": "A plate.",
        "properties": {
            "t": {"type": "number", "description": "Plate gauge (mm)", "x-unit": "mm"},
            "holes": {"type": "array", "items": {"type": "integer"}},
            "label": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["t"],
        "additionalProperties": False,
    }
    assert described["outputs_schema"]["required"] == ["t", "holes", "label"]


def test_outputs():
    class Result(typing.TypedDict):
        stress: Annotated[float, Field(description="Stress (MPa)")]

    def outputs(hint):
        def function():
            pass

        function.__annotations__ = {"return": hint}
        return Handler(function).describe()["outputs_schema"]

    assert outputs(Any) is None
    # Forgetting to return is worth a warning.
    for some_object in (dict, dict[str, Any], typing.Dict[str, Any]):
        assert outputs(some_object) == {"type": "object"}
    assert outputs(float) == NUMBER
    assert outputs(None) == {"type": "null"}
    assert outputs(dict[str, float]) == {"type": "object", "additionalProperties": NUMBER}
    assert outputs(datetime.timedelta) == {"type": "number", "x-unit": "s"}
    assert outputs(Result) == {
        "type": "object",
        "title": "Result",
        "properties": {
            "stress": {"type": "number", "description": "Stress (MPa)", "x-unit": "MPa"}
        },
        "required": ["stress"],
    }


def test_warnings():
    def function(a, b: typing.Callable, c: "Nope", d: complex = 1j, *rest):  # noqa: F821
        pass

    described = Handler(function).describe()
    assert described["inputs_schema"]["properties"] == {"a": {}, "b": {}, "c": {}, "d": {}}
    texts = described["warnings"]
    assert "`*rest`" in texts[0]
    assert texts[1] == "`a` has no type hint: any value is taken for it"
    assert texts[2].startswith("`b`: `") and "has no JSON form" in texts[2]
    assert texts[3].startswith("`c`: the hint `Nope` cannot be resolved (NameError")
    assert texts[4] == "`d`: `complex` has no JSON form; any value is taken"
    assert texts[5].startswith("`d` has a default without a JSON form")
    assert len(texts) == 6


def test_names_for_type_checkers_only():
    described = Handler(future_handlers.unresolved).describe()
    assert described["inputs_schema"]["properties"] == {"a": NUMBER, "grid": {}}
    assert described["outputs_schema"] is None
    assert len(described["warnings"]) == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of 3.12")
def test_type_aliases():
    scope = {"Annotated": Annotated, "Field": Field}
    exec(
        "type Length = Annotated[float, Field(gt=0, description='L (mm)')]\n"
        "type Row = dict[str, Row] | float\n"
        "type Many[T] = list[T]\n"
        "def function(a: Length, b: Row, c: Many[int]): return a, b, c\n",
        scope,
    )
    found = Handler(scope["function"]).describe()["inputs_schema"]
    row = {"$ref": "#/$defs/Row"}
    assert found["properties"] == {
        "a": {"type": "number", "exclusiveMinimum": 0, "description": "L (mm)", "x-unit": "mm"},
        "b": row,
        "c": {"type": "array", "items": {"type": "integer"}},
    }
    assert found["$defs"] == {
        "Row": {"anyOf": [{"type": "object", "additionalProperties": row}, NUMBER]}
    }
