"""JSON Schema documents from node trees."""

from typing import Any


class Generator:
    """One document in the making: its mode and its `$defs`."""

    def __init__(self, mode="validation", by_alias=True, ref_template="#/$defs/{model}"):
        if mode not in ("validation", "serialization"):
            raise ValueError(f"mode is validation or serialization, not {mode!r}")
        self.mode, self.by_alias, self.template = mode, by_alias, ref_template
        self.defs = {}
        self._names = {}

    def define(self, key, name, build):
        """A reference to what `build` gives, built once."""
        if key not in self._names:
            if name in self.defs:
                module = getattr(key, "__module__", "")
                name = f"{module}__{getattr(key, '__qualname__', name)}".replace(".", "__")
            name = "".join(c if c.isalnum() or c in "_.-" else "_" for c in name)
            self._names[key] = name
            self.defs[name] = {}
            self.defs[name] = build()
        return {"$ref": self.template.format(model=self._names[key])}

    def document(self, node):
        """The schema of a tree, with its definitions."""
        schema = node.schema(self)
        if "$ref" in schema:
            target = next(n for n in self.defs if self.template.format(model=n) == schema["$ref"])
            if len(schema) == 1 and not self._refers(self.defs, schema["$ref"]):
                schema = self.defs.pop(target)
        return {"$defs": self.defs, **schema} if self.defs else schema

    def _refers(self, value: Any, ref: str) -> bool:
        if isinstance(value, dict):
            return value.get("$ref") == ref or any(self._refers(x, ref) for x in value.values())
        if isinstance(value, list):
            return any(self._refers(x, ref) for x in value)
        return False
