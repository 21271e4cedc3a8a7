"""`RootModel`: a model of one value without a name."""

import typing

from .errors import PydanticUserError
from .fields import PydanticUndefined
from .main import BaseModel, _run
from ._state import State

Root = typing.TypeVar("Root")


class RootModel(BaseModel, typing.Generic[Root]):
    """A model whose value is `root`: `class Loads(RootModel[list[float]])`."""

    root: Root

    __pydantic_root_model__ = True

    def __init_subclass__(cls, **settings):
        if cls.model_config.get("extra") is not None:
            raise PydanticUserError("`RootModel` does not support setting `model_config['extra']`")
        super().__init_subclass__()

    def __init__(self, /, root=PydanticUndefined, **data):
        if data:
            if root is not PydanticUndefined:
                raise ValueError(
                    '"RootModel.__init__" accepts either a single positional argument or arbitrary '
                    "keyword arguments"
                )
            root = data
        st = State()
        st.instance = self
        _run(type(self), root, st)

    @classmethod
    def model_construct(cls, root, _fields_set=None):
        """An instance without validation."""
        return super().model_construct(root=root, _fields_set=_fields_set)

    def __eq__(self, other):
        if not isinstance(other, RootModel):
            return NotImplemented
        return super().__eq__(other)

    def __repr_args__(self):
        """What `repr` shows."""
        yield "root", self.root
