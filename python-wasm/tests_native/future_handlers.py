"""Handlers whose annotations are text, some with names for type checkers only."""

from __future__ import annotations

import dataclasses
import typing
from typing import Annotated, Literal, Optional

from pydantic import BaseModel, Field

if typing.TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclasses.dataclass
class Node:
    value: float
    children: list[Node] = dataclasses.field(default_factory=list)


class Options(typing.TypedDict, total=False):
    name: typing.Required[str]
    scale: Annotated[float, Field(gt=0)]
    kind: ClassVarLike


ClassVarLike = Literal["a", "b"]


class Part(BaseModel):
    mass: float
    parts: list[Part] = []


def typed(a: float, b: int = 2, flag: bool = False, name: str = "x") -> dict:
    return {"a": a, "b": b, "flag": flag, "name": name}


def nested(node: Node, options: Options, part: Optional[Part] = None) -> Node:
    return node, options, part


def unresolved(a: float, grid: NDArray) -> Missing:  # noqa: F821
    return a, grid


class Solver:
    def __init__(self, size: int, tol: float = 1e-6):
        self.size, self.tol = size, tol

    def solve(self, load: float) -> float:
        return self.size * load
