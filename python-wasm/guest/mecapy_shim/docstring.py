"""Docstrings taken apart: NumPy, Google and `:param:` styles.

Gives the prose before the first section, and one text per parameter and attribute. Never
raises: a docstring that follows no style is prose.
"""

import re

_PARAMETERS = {
    "parameters", "other parameters", "keyword arguments", "keyword args", "arguments", "args",
    "params", "paramètres", "parametres",
}  # fmt: skip
_ATTRIBUTES = {"attributes", "attributs", "fields"}
_RETURNS = {"returns", "return", "yields", "retour", "retours", "retourne", "renvoie"}
_OTHERS = {
    "raises", "warns", "warnings", "see also", "notes", "note", "references", "examples", "example",
    "exemples", "exemple", "références", "methods", "todo", "exceptions", "lève",
}  # fmt: skip
_SECTIONS = _PARAMETERS | _ATTRIBUTES | _RETURNS | _OTHERS

_GOOGLE_HEAD = re.compile(r"^(\w[\w À-ÿ]*):$")
_GOOGLE_ITEM = re.compile(r"^\*{0,2}(\w+)\s*(?:\(.*?\))?\s*:\s?(.*)$")
_NUMPY_ITEM = re.compile(r"^(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_FIELD_ITEM = re.compile(
    r"^:(param|parameter|arg|argument|var|ivar|returns?|raises?|type|rtype)\b([^:]*):(.*)$"
)


class Docstring:
    """The parts of one docstring."""

    __slots__ = ("description", "parameters", "attributes", "returns")

    def __init__(self):
        self.description = ""
        self.parameters = {}
        self.attributes = {}
        self.returns = ""


def parse(text):
    """Take a docstring (or None) apart."""
    doc = Docstring()
    if not isinstance(text, str) or not text.strip():
        return doc
    lines = _dedent(text)
    prose, at = [], 0
    while at < len(lines):
        section, body = _heading(lines, at)
        if section is None:
            field = _FIELD_ITEM.match(lines[at])
            if field:
                at = _field(doc, field, lines, at)
                continue
            prose.append(lines[at])
            at += 1
            continue
        numpy = body - at == 2
        end = body
        while end < len(lines) and not _ends(lines, end, numpy):
            end += 1
        _section(doc, section, lines[body:end], numpy)
        at = end
    doc.description = "\n".join(prose).strip()
    return doc


def _dedent(text):
    first, *rest = text.expandtabs().split("\n")
    margin = min((len(x) - len(x.lstrip()) for x in rest if x.strip()), default=0)
    return [first.strip(), *(x[margin:].rstrip() for x in rest)]


def _heading(lines, at):
    """`(section, first line of its body)` where a section starts at `at`, else `(None, 0)`."""
    line = lines[at].strip()
    if not line or lines[at][0] == " ":
        return None, 0
    below = lines[at + 1].strip() if at + 1 < len(lines) else ""
    if len(below) >= 3 and not below.strip("-=") and line.rstrip(":").lower() in _SECTIONS:
        return line.rstrip(":").lower(), at + 2
    head = _GOOGLE_HEAD.match(line)
    if head and head[1].lower() in _SECTIONS:
        return head[1].lower(), at + 1
    return None, 0


def _ends(lines, at, numpy):
    if _heading(lines, at)[0] is not None:
        return True
    # A Google section is indented; a NumPy one goes on to the next heading.
    return not numpy and bool(lines[at]) and lines[at][0] != " "


def _section(doc, section, lines, numpy):
    if section in _PARAMETERS:
        doc.parameters.update(_items(lines, numpy))
    elif section in _ATTRIBUTES:
        doc.attributes.update(_items(lines, numpy))
    elif section in _RETURNS:
        doc.returns = _returns(lines, numpy)


def _items(lines, numpy):
    """`{name: description}` of one section's entries."""
    items, names, margin = {}, (), None
    for line in lines:
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if margin is None:
            margin = indent
        text = line.strip()
        if indent <= margin:
            match = (_NUMPY_ITEM if numpy else _GOOGLE_ITEM).match(text)
            if match is None:
                names = ()
                continue
            listed = match[1].split(",") if numpy else [match[1]]
            names = [name.strip().lstrip("*") for name in listed]
            text = "" if numpy else match[2].strip()
        for name in names:
            items[name] = f"{items.get(name, '')} {text}".strip()
    return items


def _returns(lines, numpy):
    """A return section's prose, without the type that NumPy style names first."""
    if not numpy:
        text = " ".join(x.strip() for x in lines).strip()
        return re.sub(r"^[\w.]+(?:\[.*?\])?:\s+", "", text)
    return " ".join(x.strip() for x in lines if x.startswith(" ")).strip()


def _field(doc, field, lines, at):
    """Read one `:param name: text` entry and its continuation lines."""
    kind, name, text = field[1], field[2].split(), [field[3].strip()]
    at += 1
    while at < len(lines) and lines[at].startswith(" "):
        text.append(lines[at].strip())
        at += 1
    joined = " ".join(text).strip()
    if kind in ("param", "parameter", "arg", "argument") and name:
        doc.parameters[name[-1].lstrip("*")] = joined
    elif kind in ("var", "ivar") and name:
        doc.attributes[name[-1]] = joined
    elif kind in ("return", "returns"):
        doc.returns = joined
    return at
