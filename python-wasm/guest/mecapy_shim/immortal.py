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

# What modules are made of. Of a package, nothing else: what its containers and instances
# hold may be let go of in a call, and must then end, with its finalisers and weak references.
_PARTS_OF_MODULES = frozenset(
    (
        FunctionType,
        CodeType,
        ModuleType,
        BuiltinFunctionType,
        MethodDescriptorType,
        WrapperDescriptorType,
        ClassMethodDescriptorType,
        GetSetDescriptorType,
        MemberDescriptorType,
        property,
        staticmethod,
        classmethod,
        str,
        bytes,
        int,
        float,
        complex,
    )
)


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
        kind = type(item)
        if everything or kind in _PARTS_OF_MODULES or isinstance(item, type):
            found.append(key)
        below = _of_code(item) if kind is CodeType else gc.get_referents(item)
        waiting += below if everything else [x for x in below if not _is_immortal(x)]
    return found


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
