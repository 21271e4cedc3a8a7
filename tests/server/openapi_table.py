"""The API's operations as its own OpenAPI document names them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from harness import PROGRAM


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    queries: tuple[str, ...]
    required_queries: tuple[str, ...]
    has_body: bool
    needs_token: bool

    def url(self, parameters: dict[str, str]) -> str:
        """The path with its parameters in place; a file's key keeps its slashes."""
        path = self.path
        for name, value in parameters.items():
            path = path.replace("{%s}" % name, quote(value, safe="/" if name == "key" else ""))
        assert "{" not in path, f"a parameter of {self.path} has no value: {path}"
        return path


@cache
def document() -> dict:
    """What `mecapy-server openapi` prints; a server's own document is compared with it."""
    done = subprocess.run([PROGRAM, "openapi"], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)


@cache
def operations() -> tuple[Operation, ...]:
    found = []
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            queries = [one for one in operation.get("parameters", []) if one["in"] == "query"]
            found.append(
                Operation(
                    id=operation["operationId"],
                    method=method.upper(),
                    path=path,
                    queries=tuple(one["name"] for one in queries),
                    required_queries=tuple(one["name"] for one in queries if one.get("required")),
                    has_body="requestBody" in operation,
                    needs_token=operation.get("security") != [],
                )
            )
    return tuple(found)


def of_id(name: str) -> Operation:
    return next(one for one in operations() if one.id == name)
