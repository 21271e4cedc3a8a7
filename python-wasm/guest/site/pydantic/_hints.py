"""Annotations of classes, with the names that exist now and without the others."""

import sys
import types
import typing


def own_annotations(cls):
    """A class's own annotations as written; forward references stay such."""
    if sys.version_info >= (3, 14):
        import annotationlib

        if "__annotations__" not in vars(cls) and not getattr(cls, "__annotate__", None):
            return {}
        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return vars(cls).get("__annotations__", {})


def resolve(annotations, module, scope):
    """Annotations with every name looked up. Raises NameError where one does not exist (yet)."""
    if all(type(hint) is type for hint in annotations.values()):
        return annotations
    names = getattr(sys.modules.get(module), "__dict__", {})
    # A class: only in one may a text be ClassVar[...].
    probe = type("probe", (), {"__annotations__": dict(annotations), "__module__": module})
    return typing.get_type_hints(probe, names, scope, include_extras=True)


def is_class_var(hint):
    """Whether an annotation is of the class, not of its instances."""
    if isinstance(hint, str):
        return hint.startswith(("ClassVar", "typing.ClassVar", "t.ClassVar"))
    if typing.get_origin(hint) is typing.Annotated:
        hint = hint.__origin__
    return hint is typing.ClassVar or typing.get_origin(hint) is typing.ClassVar


def substitute(hint, arguments):
    """A hint with type variables replaced."""
    if isinstance(hint, typing.TypeVar):
        return arguments.get(hint, hint)
    if isinstance(hint, list):
        return [substitute(x, arguments) for x in hint]
    parameters = getattr(hint, "__parameters__", ())
    if not parameters or isinstance(hint, type) and not typing.get_args(hint):
        own = getattr(hint, "__pydantic_generic__", None)
        if own is None:
            return hint
        origin, given = own
        return origin[tuple(substitute(x, arguments) for x in given)]
    if typing.get_origin(hint) is types.UnionType:
        return typing.Union[tuple(substitute(x, arguments) for x in typing.get_args(hint))]
    return hint[tuple(arguments.get(p, p) for p in parameters)]
