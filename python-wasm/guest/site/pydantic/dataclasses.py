"""`pydantic.dataclasses.dataclass`: a dataclass that validates."""

import dataclasses
import functools

from ._decorators import _outer
from ._failures import Invalid, ValidationError
from ._records import DataclassNode
from ._state import State
from .config import checked
from .errors import unsupported
from .fields import FieldInfo


def dataclass(
    _cls=None, *, init=False, repr=True, eq=True, order=False, unsafe_hash=False,  # noqa: A002
    frozen=None, config=None, validate_on_init=None, kw_only=False, slots=False,
):  # fmt: skip
    """Make a class a dataclass whose arguments are validated."""
    if init is not False:
        raise TypeError("pydantic.dataclasses.dataclass only supports init=False")
    if slots:
        raise unsupported("pydantic.dataclasses.dataclass(slots=True)")

    def make(cls):
        settings = checked(dict(config or getattr(cls, "__pydantic_config__", None) or {}))
        froze = settings.get("frozen", False) if frozen is None else frozen
        if not dataclasses.is_dataclass(cls) or "__dataclass_fields__" not in vars(cls):
            given = _as_dataclass_fields(cls)
            made = dataclasses.dataclass(
                cls,
                repr=repr,
                eq=eq,
                order=order,
                unsafe_hash=unsafe_hash,
                frozen=froze,
                kw_only=kw_only,
            )
            del given
        else:
            # A plain dataclass stays as it is; the validating one is a subclass.
            made = type(
                cls.__name__,
                (cls,),
                {
                    "__module__": cls.__module__,
                    "__doc__": cls.__doc__,
                    "__qualname__": cls.__qualname__,
                },
            )
            made = dataclasses.dataclass(
                made, repr=repr, eq=eq, frozen=cls.__dataclass_params__.frozen
            )
        return _validating(made, settings)

    return make if _cls is None else make(_cls)


def _as_dataclass_fields(cls):
    """Turn `x: int = Field(default_factory=list)` into what the standard library knows."""
    given = {}
    for name, value in list(vars(cls).items()):
        if not isinstance(value, FieldInfo):
            continue
        given[name] = value
        options = {"kw_only": True} if value.kw_only else {}
        if value.init is False:
            options["init"] = False
        if value.repr is False:
            options["repr"] = False
        if value.default_factory is not None:
            field = dataclasses.field(default_factory=value.default_factory, **options)
        elif value.is_required():
            field = dataclasses.field(**options)
        else:
            field = dataclasses.field(default=value.default, **options)
        field_info = dict(getattr(cls, "__pydantic_field_infos__", {}))
        field_info[name] = value
        cls.__pydantic_field_infos__ = field_info
        setattr(cls, name, field)
    return given


class _Node(DataclassNode):
    """A pydantic dataclass's node: its fields may have been given as Field(...)."""

    def spec(self, name, hint, default=None):
        info = getattr(self.cls, "__pydantic_field_infos__", {}).get(name)
        return super().spec(name, hint, default if info is None else info)


def _validating(cls, config):
    cls.__is_pydantic_dataclass__ = True
    cls.__pydantic_config__ = config
    node = _Node(cls, config, cls)
    cls.__pydantic_node__ = staticmethod(lambda: node)
    plain_init = cls.__init__

    @functools.wraps(plain_init)
    def __init__(self, *args, **kwargs):
        __tracebackhide__ = True
        if type(self) is not cls and "__is_pydantic_dataclass__" not in vars(type(self)):
            raise unsupported("a plain subclass of a pydantic dataclass")
        names = [
            name for name, field in cls.__dataclass_fields__.items()
            if field.init and not field.kw_only and field._field_type.name != "_FIELD_CLASSVAR"
        ]  # fmt: skip
        lines = []
        for i in range(len(names), len(args)):
            lines += Invalid("unexpected_positional_argument", args[i]).under(i)
        for name in names[: len(args)]:
            if name in kwargs:
                lines += Invalid("multiple_argument_values", kwargs[name]).under(name)
        data = {**dict(zip(names, args)), **kwargs}
        st = State()
        st.instance = self
        try:
            if lines:
                raise Invalid.of(lines)
            node.validate(data, st)
        except Invalid as invalid:
            for line in invalid.lines:
                # What was given by position is found by position.
                if line.loc and line.loc[-1] in names[: len(args)]:
                    line.loc[-1] = names.index(line.loc[-1])
            raise ValidationError(cls.__name__, invalid.lines) from None

    cls.__init__ = __init__
    if config.get("validate_assignment"):
        _validate_assignment(cls, node)
    return cls


def _validate_assignment(cls, node):
    def __setattr__(self, name, value):
        if name in cls.__dataclass_fields__:
            st = State()
            spec = next(x for x in node.specs if x.name == name)
            try:
                value = spec.node.validate(value, st)
            except Invalid as invalid:
                raise ValidationError(cls.__name__, invalid.under(name)) from None
        object.__setattr__(self, name, value)
        run = lambda value: value  # noqa: E731
        for decorator in node._outer:
            run = _outer(decorator, cls, State(), run)
        run(self)

    cls.__setattr__ = __setattr__


def is_pydantic_dataclass(cls):
    """Whether a class is a validating dataclass."""
    return "__is_pydantic_dataclass__" in vars(cls)
