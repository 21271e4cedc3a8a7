"""Stands in for what `ctypes` is built on.

`import ctypes` works, and so do declarations of types, `sizeof` of simple ones and their
values: this is what packages do when they are imported. There is no memory to address and
no library to load: whoever tries is told so.
"""

import operator
import struct

__version__ = "1.1.0"

RTLD_LOCAL, RTLD_GLOBAL = 0, 0x100
FUNCFLAG_CDECL, FUNCFLAG_PYTHONAPI, FUNCFLAG_USE_ERRNO, FUNCFLAG_USE_LASTERROR = 1, 4, 8, 16
SIZEOF_TIME_T = 8
_memmove_addr = _memset_addr = _string_at_addr = _cast_addr = _memoryview_at_addr = 0
_wstring_at_addr = 0

_LIBRARIES = "native libraries cannot be loaded in the sandbox"
_MEMORY = "memory cannot be addressed in the sandbox: ctypes is here for declarations only"

# Sizes of simple types that `struct` calls otherwise, or does not know.
_SIZES = {"O": "P", "z": "P", "Z": "P", "u": "i", "g": "dd"}
_INTEGERS, _FLOATS = "bBhHiIlLqQ", "fdg"
_EMPTY = {"c": b"\0", "u": "\0", "?": False, **dict.fromkeys(_INTEGERS, 0), **dict.fromkeys(_FLOATS, 0.0)}


class ArgumentError(Exception):
    """A foreign function was called with what it does not take."""


class CField:
    """Describes a field of a structure."""


class _Type(type):
    """The type of all types of C data."""

    def __mul__(cls, length):
        return _Type(f"{cls.__name__}_Array_{length}", (Array,), {"_type_": cls, "_length_": length})

    __rmul__ = __mul__

    def from_param(cls, value):
        return value

    def _refuse(cls, *args):
        raise OSError(_MEMORY)

    from_address = from_buffer = from_buffer_copy = in_dll = _refuse


class _SimpleType(_Type):
    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        code = getattr(cls, "_type_", None)
        if bases != (_Data,):
            if code not in {*_EMPTY, "O", "z", "Z", "P"}:
                raise AttributeError(f"class must define a '_type_' attribute, and {code!r} is none")
            cls.__ctype_le__ = cls.__ctype_be__ = cls


class _PointerType(_Type):
    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        if "_type_" in namespace:
            namespace["_type_"].__pointer_type__ = cls

    def set_type(cls, target):
        cls._type_ = target


class _Data(metaclass=_Type):
    def __init__(self, *args, **kwargs):
        raise OSError(_MEMORY)


class Structure(_Data):
    """Can be declared."""


class Union(_Data):
    """Can be declared."""


class Array(_Data):
    """Can be declared."""


class _Pointer(_Data, metaclass=_PointerType):
    """Can be declared."""


class _SimpleCData(_Data, metaclass=_SimpleType):
    """A number, character, text or object."""

    def __init__(self, value=None):
        self.value = _EMPTY.get(self._type_) if value is None else value

    def __setattr__(self, name, value):
        super().__setattr__(name, _kept(self._type_, value) if name == "value" else value)

    def __bool__(self):
        return bool(self.value)

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r})"


def _kept(code, value):
    """The value as C would keep it."""
    if code in _INTEGERS:
        bits = struct.calcsize(code) * 8
        value = operator.index(value) % (1 << bits)
        return value - (1 << bits) if code.islower() and value >> (bits - 1) else value
    if code in _FLOATS:
        return struct.unpack("f", struct.pack("f", value))[0] if code == "f" else float(value)
    return bool(value) if code == "?" else value


class CFuncPtr(_Data):
    """A foreign function, or one that foreign code could call."""

    def __init__(self, *args):
        # By name, from a library that was opened, which is Python itself.
        if args and isinstance(args[0], tuple):
            raise AttributeError(f"{args[0][0]}: {_LIBRARIES}")

    def __call__(self, *args):
        raise OSError(_MEMORY)


def dlopen(name, flags=0):
    """Opens Python itself, which has nothing to give, and no library."""
    if name is not None:
        raise OSError(f"{name}: {_LIBRARIES}")
    return 0


def sizeof(data):
    """The size of a type or a value, in bytes."""
    kind = data if isinstance(data, type) else type(data)
    if issubclass(kind, _SimpleCData):
        return struct.calcsize(_SIZES.get(kind._type_, kind._type_))
    if issubclass(kind, Array):
        return sizeof(kind._type_) * kind._length_
    if issubclass(kind, (_Pointer, CFuncPtr)):
        return struct.calcsize("P")
    raise OSError(_MEMORY)


alignment = sizeof


def addressof(data):
    """There are no addresses."""
    raise OSError(_MEMORY)


byref = resize = addressof
_errno = 0


def get_errno():
    """Nothing sets it but `set_errno`."""
    return _errno


def set_errno(value):
    """Sets what `get_errno` gives, and gives what it was."""
    global _errno
    before, _errno = _errno, value
    return before
