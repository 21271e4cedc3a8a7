"""What a class's decorated methods do to its fields and to itself."""

from ._nodes import Wrapper
from ._state import positional_count
from ._wrappers import (
    FunctionNode, SerializationInfo, SerializerNode, applies, as_public, call_validator,
)  # fmt: skip
from .errors import PydanticUserError
from .functional_validators import Decorator


class Decorators:
    """The decorated methods of a class and its bases, by kind, in order."""

    def __init__(self, all_of):
        by_kind = lambda kind: [x for x in all_of.values() if x.kind == kind]  # noqa: E731
        self.field_validators = by_kind("field_validator")
        self.field_serializers = by_kind("field_serializer")
        models = by_kind("model_validator")
        self.before = [x for x in models if x.settings["mode"] == "before"]
        self.outer = [x for x in models if x.settings["mode"] != "before"]
        serializers = by_kind("model_serializer")
        self.model_serializer = serializers[-1] if serializers else None


def collected(cls):
    """The decorated methods of a class; one that overrides another takes its place."""
    found = {}
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            if isinstance(member, Decorator):
                found[name] = member
            elif name in found:
                del found[name]
    return Decorators(found)


def with_decorators(cls, specs, decorators, config):
    """Put a class's field validators and serializers around its fields' nodes."""
    names = {spec.name for spec in specs}
    for decorator in (*decorators.field_validators, *decorators.field_serializers):
        unknown = [x for x in decorator.fields if x != "*" and x not in names]
        if unknown and decorator.settings["check_fields"] is not False:
            raise PydanticUserError(
                f"a decorator of {cls.__qualname__} names {unknown[0]!r}, which is no field of it "
                "(check_fields=False allows that)"
            )
    for spec in specs:
        for decorator in decorators.field_validators:
            if spec.name in decorator.fields or "*" in decorator.fields:
                spec.node = FunctionNode(
                    spec.node, decorator.settings["mode"], decorator.bound(cls)
                )
        for decorator in decorators.field_serializers:
            if spec.name in decorator.fields or "*" in decorator.fields:
                spec.node = FieldSerializerNode(spec.node, decorator, cls, config)


class FieldSerializerNode(SerializerNode):
    """A @field_serializer: a method, so it needs the object that has the field."""

    def __init__(self, inner, decorator, cls, config):
        Wrapper.__init__(self, inner)
        settings = decorator.settings
        self.mode, self.when_used = settings["mode"], settings["when_used"]
        self.decorator, self.owner = decorator, cls
        function = decorator.function
        self.method = not isinstance(function, (staticmethod, classmethod))
        bare = decorator.bound(cls)
        most = 2 + (self.mode == "wrap") + self.method
        self.takes_info = positional_count(bare, most) == most
        from ._build import Builder

        self.build_return = Builder(config).returned(bare, settings["return_type"])
        self.instance = None

    def of(self, instance):
        """The node as used for one object's dump."""
        made = object.__new__(FieldSerializerNode)
        made.__dict__.update(self.__dict__)
        made.instance = instance
        return made

    def dump(self, value, how, include=None, exclude=None):
        if not applies(self.when_used, value, how):
            return self.inner.dump(value, how, include, exclude)
        target = self.decorator.bound(self.owner)
        if self.method:
            target = self.decorator.function.__get__(self.instance, self.owner)
        return self._call(target, value, how, include, exclude)


def run_model_validators(node, value, st, core):
    """Run a class's model validators around `core`, which makes the instance."""
    cls, instance = node.cls, st.instance

    def inner(given):
        # An instance passes as it is: only data goes through "before".
        if isinstance(given, cls) and instance is None:
            return core(given)
        for decorator in reversed(node._before):
            function = decorator.bound(cls)
            info = (st.info(),) if positional_count(function, 2) == 2 else ()
            given = call_validator(function, given, st, given, *info)
            if isinstance(given, cls) and instance is None:
                return given
        st.instance = instance
        return core(given)

    run = inner
    for decorator in node._outer:
        run = _outer(decorator, cls, st, run)
    return run(value)


def _outer(decorator, cls, st, run):
    if decorator.settings["mode"] == "wrap":
        function = decorator.bound(cls)
        info = (st.info(),) if positional_count(function, 3) == 3 else ()
        return lambda value: call_validator(function, value, st, value, as_public(run), *info)
    raw = decorator.function

    def after(value):
        made = run(value)
        if isinstance(raw, (classmethod, staticmethod)):
            function = raw.__get__(None, cls)
            info = (st.info(),) if positional_count(function, 2) == 2 else ()
            arguments = (made, *info)
        else:
            function = raw.__get__(made, cls)
            arguments = (st.info(),) if positional_count(function, 1) == 1 else ()
        # The lambda: a method may take no argument but itself.
        return call_validator(lambda *_: function(*arguments), value, st, None)

    return after


def call_model_serializer(decorator, cls, instance, how, include, exclude, plain):
    """What a @model_serializer gives."""
    function = decorator.function.__get__(instance, cls)
    wrap = decorator.settings["mode"] == "wrap"
    most = 2 if wrap else 1
    info = (
        (SerializationInfo(how, include, exclude),)
        if positional_count(function, most) == most
        else ()
    )
    return function((lambda _: plain()), *info) if wrap else function(*info)
