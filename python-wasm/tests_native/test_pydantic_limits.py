"""What the stand-in leaves out says so, and what tables cannot show."""

import sys
import typing

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


def test_its_version_tells_what_it_is():
    assert pydantic.VERSION == pydantic.__version__
    assert pydantic.VERSION.startswith("2.") and pydantic.VERSION.endswith("+mecapy")


@pytest.mark.parametrize("name", ["EmailStr", "HttpUrl", "SecretStr", "AliasPath", "validator"])
def test_names_left_out(name):
    with pytest.raises(ImportError, match=f"pydantic.{name} is not supported.*docs/pydantic.md"):
        exec(f"from pydantic import {name}")


def test_names_that_never_were():
    with pytest.raises(AttributeError):
        pydantic.nothing  # noqa: B018
    with pytest.raises(ImportError):
        exec("from pydantic import nothing")


@pytest.mark.parametrize("module", ["v1", "networks"])
def test_modules_left_out(module):
    with pytest.raises(ImportError, match="docs/pydantic.md"):
        __import__(f"pydantic.{module}")


def model(config):
    return type("M", (BaseModel,), {"__module__": __name__, "model_config": config})


class WithCoreSchema:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise AssertionError


class V1(BaseModel):
    x: int = 1


@pytest.mark.parametrize(
    "use",
    [
        lambda: Field(regex="a"),
        lambda: Field(const=True),
        lambda: Field(exclude_if=bool),
        lambda: model({"json_encoders": {}}),
        lambda: model({"revalidate_instances": "always"}),
        lambda: model({"extra": "maybe"}),
        lambda: model({"title": "x", "orm_mode": True}),
        lambda: type("M", (BaseModel,), {"__module__": __name__, "Config": type("Config", (), {})}),
        lambda: V1.model_validate({}, by_alias=True),
        lambda: V1().model_dump(serialize_as_any=True),
        lambda: V1.model_json_schema(schema_generator=object),
        lambda: TypeAdapter(WithCoreSchema),
        lambda: TypeAdapter(int).validate_python(1, experimental_allow_partial=True),
        lambda: pydantic.dataclasses.dataclass(slots=True),
        lambda: pydantic.conlist(int, unique_items=True),
    ],
    ids=range(15),
)
def test_uses_left_out(use):
    with pytest.raises(NotImplementedError, match="stand-in.*docs/pydantic.md"):
        use()


def test_forward_references_within_a_function():
    class Tree(BaseModel):
        value: int
        left: "typing.Optional[Tree]" = None
        other: "typing.Optional[Leaf]" = None

    with pytest.raises(pydantic.PydanticUserError, match="Leaf"):
        Tree(value=1)

    class Leaf(BaseModel):
        size: int

    Tree.model_rebuild()
    tree = Tree(value=1, left={"value": 2}, other={"size": "3"})
    assert tree.left == Tree(value=2) and tree.other == Leaf(size=3)


def test_a_field_keeps_its_place_when_overridden():
    class Base(BaseModel):
        a: int
        b: int = 1

    class Child(Base):
        c: int = 2
        a: float = 0.5

    assert list(Child.model_fields) == ["a", "b", "c"]


def test_strictness_of_a_model_stays_with_it():
    class Loose(BaseModel):
        x: int

    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        inner: Loose

    assert Strict(inner={"x": "1"}).inner.x == 1
    assert Loose(x="1").x == 1


def test_private_attributes_and_copies():
    import copy
    import pickle

    module = sys.modules[__name__]

    class Kept(BaseModel):
        x: list[int]
        _seen: int = 0

    Kept.__qualname__ = "Kept"
    module.Kept = Kept
    kept = Kept(x=[1])
    kept._seen = 5
    for made in (copy.copy(kept), copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert made == kept and made._seen == 5
    assert copy.copy(kept).x is kept.x
    assert copy.deepcopy(kept).x is not kept.x


def test_mutable_defaults_are_not_shared():
    class M(BaseModel):
        a: list = []
        b: dict = {"x": []}

    M().a.append(1)
    M().b["x"].append(1)
    assert M().a == [] and M().b == {"x": []}


def test_deep_recursion_is_an_error_of_its_own():
    class Node(BaseModel):
        child: "typing.Optional[Node]" = None

    data = {}
    for _ in range(5000):
        data = {"child": data}
    with pytest.raises(RecursionError):
        Node.model_validate(data)
