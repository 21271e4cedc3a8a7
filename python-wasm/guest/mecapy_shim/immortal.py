"""Finding what lives as long as any call.

CPython counts references in the objects themselves, so that a call writes to every page
with a function, a class or a string that it uses, only to leave the count as it was. Each
of those pages has to be copied when it is first written, and put back afterwards. CPython
does not count references to objects that it knows as immortal: the host makes them so.
"""

import gc
import sys
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)

# Not before Python 3.14.
_is_immortal = getattr(sys, "_is_immortal", lambda _: False)

# What is nobody's to let go of, wherever it is: it knows nothing that could end with it.
_ANYWHERE = frozenset(map(id, (CodeType, ModuleType, str, bytes, int, float, complex)))

# What modules and classes are made of, where it is their own. What a package's containers and
# instances hold may be let go of in a call, and must then end, with all that it holds, with
# finalisers and weak references.
_MEMBERS = frozenset(
    map(
        id,
        (
            FunctionType,
            BuiltinFunctionType,
            MethodDescriptorType,
            WrapperDescriptorType,
            ClassMethodDescriptorType,
            GetSetDescriptorType,
            MemberDescriptorType,
            property,
            staticmethod,
            classmethod,
        ),
    )
)
_WITH_FUNCTION = frozenset((id(staticmethod), id(classmethod)))

_dict_of_class = type.__dict__["__dict__"].__get__


def immortals(everything):
    """Addresses of the objects that calls need not count references to: all that there are,
    or, of a package, its modules' own parts."""
    gc.unfreeze()
    waiting = gc.get_objects()
    if not everything:
        # The interpreter's own objects are immortal already, and know none of a package's
        # that does not tell the collector itself.
        waiting = [item for item in waiting if not _is_immortal(item)]
    seen = set()
    # Neither is there in any call.
    seen.update((id(waiting), id(seen)))
    found = []
    while waiting:
        item = waiting.pop()
        key = id(item)
        if key in seen:
            continue
        seen.add(key)
        # Nothing of the item's own is asked: it may be made to answer anything.
        kind = type(item)
        is_class = issubclass(kind, type)
        if everything or is_class or id(kind) in _ANYWHERE:
            found.append(key)
        if not everything and (is_class or kind is ModuleType):
            namespace = _dict_of_class(item) if is_class else ModuleType.__getattribute__(item, "__dict__")
            found += _members(namespace)
        below = _of_code(item) if kind is CodeType else gc.get_referents(item)
        waiting += below if everything else [x for x in below if not _is_immortal(x)]
    return found


def _members(namespace):
    for item in namespace.values():
        kind = id(type(item))
        if kind in _MEMBERS:
            yield id(item)
            if kind in _WITH_FUNCTION and type(item.__func__) is FunctionType:
                yield id(item.__func__)


def _of_code(code):
    """What a code object refers to, which it does not tell the collector."""
    return (
        code.co_consts,
        code.co_names,
        code.co_filename,
        code.co_name,
        code.co_qualname,
        code.co_linetable,
        code.co_exceptiontable,
    )
