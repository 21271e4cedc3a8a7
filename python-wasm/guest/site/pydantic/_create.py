"""`create_model`."""

import sys

from .errors import PydanticUserError
from .main import BaseModel


def create_model(
    model_name, /, *, __config__=None, __doc__=None, __base__=None, __module__=None,
    __validators__=None, __cls_kwargs__=None, **fields,
):  # fmt: skip
    """A model class made at run time: `create_model("M", x=(int, 3))`."""
    bases = __base__ if isinstance(__base__, tuple) else (__base__ or BaseModel,)
    namespace = {
        "__module__": __module__ or sys._getframe(1).f_globals["__name__"],
        "__doc__": __doc__,
    }
    namespace["__qualname__"] = model_name
    if __doc__ is None:
        del namespace["__doc__"]
    annotations = {}
    for name, definition in fields.items():
        if isinstance(definition, tuple):
            if len(definition) != 2:
                raise PydanticUserError("a field of create_model is a type, or a (type, default)")
            annotations[name], namespace[name] = definition
            if namespace[name] is ...:
                del namespace[name]
        else:
            annotations[name] = definition
    namespace["__annotations__"] = annotations
    namespace.update(__validators__ or {})
    if __config__ is not None:
        namespace["model_config"] = dict(__config__)
    return type(bases[0])(model_name, bases, namespace, **(__cls_kwargs__ or {}))
