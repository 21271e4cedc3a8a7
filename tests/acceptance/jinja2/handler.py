"""Reports: template files, inheritance, macros, loops, filters, autoescape, errors."""

from pathlib import Path
from typing import List

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment, SecurityError

reports = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
reports.filters["kilonewton"] = lambda value: f"{value:.2f} kN"


def note(title: str, loads: List[dict], factor: float) -> dict:
    """Loads in kN."""
    text = reports.get_template("note.md").render(title=title, loads=loads, factor=factor)
    return {"lines": text.splitlines(), "total": sum(load["value"] for load in loads)}


def escape(text: str) -> dict:
    html = Environment(autoescape=True)
    cell = "{% macro cell(v) %}<td>{{ v }}</td>{% endmacro %}{{ cell(text) }}"
    return {
        "escaped": html.from_string("<p>{{ text }}</p>").render(text=text),
        "safe": html.from_string("<p>{{ text | safe }}</p>").render(text=text),
        "macro": html.from_string(cell).render(text=text),
    }


def errors() -> dict:
    """What a template author meets: an unknown name, a syntax error, a forbidden access."""
    result = {}
    try:
        reports.from_string("{{ force }}").render()
    except UndefinedError as error:
        result["undefined"] = str(error)
    try:
        reports.from_string("fine\n{% for x in %}\n{% endfor %}")
    except TemplateSyntaxError as error:
        result["syntax_line"] = error.lineno
    try:
        SandboxedEnvironment().from_string("{{ ''.__class__.__mro__ }}").render()
    except SecurityError as error:
        result["sandboxed"] = type(error).__name__
    return result
