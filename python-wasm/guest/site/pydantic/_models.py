"""The node of a model class."""

import collections.abc as abc

from ._decorators import (
    FieldSerializerNode, call_model_serializer, collected, run_model_validators, with_decorators,
)  # fmt: skip
from ._dump import dump_any, nested
from ._failures import Invalid
from ._nodes import Node
from ._records import (
    Spec,
    dump_fields,
    field_metadata,
    fields_schema,
    finish_lines,
    take_fields,
    title_of,
)
from ._state import LAX, STRICT
from .errors import PydanticUndefinedAnnotation, PydanticUserError
from .fields import PydanticUndefined

_set = object.__setattr__


class ModelNode(Node):
    """A BaseModel subclass; its fields' nodes are built at first use."""

    titled = False
    shared = True

    def __init__(self, cls):
        super().__init__()
        self.cls, self.config = cls, cls.model_config
        self._specs = None
        self._before = self._outer = ()
        self._serializer = None
        self._computed = {}
        self._post_init = False

    @property
    def name(self):
        return self.cls.__name__

    @property
    def specs(self):
        """The fields."""
        if self._specs is None:
            self._build()
        return self._specs

    def _build(self):
        from ._build import Builder

        cls, config = self.cls, self.config
        try:
            cls._complete()
        except PydanticUndefinedAnnotation as error:
            raise PydanticUserError(error.message, code="class-not-fully-defined") from None
        builder = Builder(config)
        by_name = config.get("populate_by_name") or config.get("validate_by_name") or False
        specs = []
        for name, info in cls.__pydantic_fields__.items():
            node = builder.annotated(info.annotation, field_metadata(info))
            specs.append(Spec(name, info, node, by_name))
        decorators = collected(cls)
        with_decorators(cls, specs, decorators, config)
        self._before, self._outer = decorators.before, decorators.outer
        self._serializer = decorators.model_serializer
        self._computed = {
            name: (
                info,
                builder.returned(
                    _getter(info),
                    PydanticUndefined if info.return_type is None else info.return_type,
                ),
            )
            for name, info in cls.__pydantic_computed_fields__.items()
        }
        from .main import BaseModel

        self._post_init = cls.model_post_init is not BaseModel.model_post_init
        self._specs = specs

    def spec(self, name):
        """One field."""
        return next(x for x in self.specs if x.name == name)

    def validate(self, value, st):
        if self._specs is None:
            self._build()
        if not self._before and not self._outer:
            return self._core(value, st)
        return run_model_validators(self, value, st, lambda v: self._core(v, st))

    def _core(self, value, st):
        cls = self.cls
        instance, st.instance = st.instance, None
        if isinstance(value, cls) and instance is None:
            if type(value) is not cls:
                st.floor(STRICT)
            return value
        if cls.__pydantic_root_model__:
            return self._root(value, st, instance)
        get = None
        if isinstance(value, dict):
            get = value.__getitem__
        if get is None and isinstance(value, abc.Mapping):
            get = value.__getitem__
        attributes = False
        if get is None:
            wanted = st.from_attributes
            attributes = self.config.get("from_attributes") if wanted is None else wanted
            if (
                not attributes
                or isinstance(value, (str, int, float, list, tuple, set))
                or value is None
            ):
                raise Invalid("model_type", value, {"class_name": cls.__name__})
            get = lambda key: getattr(value, key)  # noqa: E731
        values, given = {}, set()
        lines, used = take_fields(self._specs, get, st, values, given, self.config)
        extra = None if attributes else self._extra(value, used, lines)
        if lines:
            raise Invalid.of(finish_lines(lines, value))
        st.fields_set += len(given)
        if extra:
            given.update(extra)
        return self._filled(instance, values, given, extra, st)

    def _extra(self, value, used, lines):
        """What no field takes: dropped, refused or kept, by the config."""
        mode = self.config.get("extra")
        if mode is None or mode == "ignore":
            return None
        kept = {}
        # A field's own name, where its alias is used, is extra too.
        for key, item in value.items():
            if key in used:
                continue
            if mode == "forbid":
                lines += Invalid("extra_forbidden", item).under(key)
            else:
                kept[key] = item
        return kept

    def _filled(self, instance, values, given, extra, st):
        cls = self.cls
        if instance is None:
            instance = cls.__new__(cls)
        _set(instance, "__dict__", values)
        _set(instance, "__pydantic_fields_set__", given)
        _set(instance, "__pydantic_extra__", extra)
        cls._set_private(instance)
        if self._post_init:
            instance.model_post_init(st.context)
        return instance

    def _root(self, value, st, instance):
        spec = self._specs[0]
        st.floor(LAX)
        outer = st.data, st.field_name
        st.data, st.field_name = {}, "root"
        if value is PydanticUndefined:
            if spec.required:
                raise Invalid("missing", {})
            made, given = spec.info.get_default(call_default_factory=True), set()
        else:
            made, given = spec.node.validate(value, st), {"root"}
        st.data, st.field_name = outer
        return self._filled(instance, {"root": made}, given, None, st)

    def schema(self, gen):
        return gen.define(self.cls, self.cls.__name__, lambda: self._own_schema(gen))

    def _own_schema(self, gen):
        from ._build import Builder

        cls, config = self.cls, self.config
        specs = self.specs
        title = config.get("title") or cls.__name__
        description = vars(cls).get("__doc__")
        if cls.__pydantic_root_model__:
            schema = dict(specs[0].node.schema(gen))
            schema.setdefault("title", title)
            if description:
                import inspect

                schema["description"] = inspect.cleandoc(description)
            schema = specs[0].info._described(schema)
        elif self._serializer is not None and gen.mode == "serialization":
            build = Builder(config).returned(
                self._serializer.bound(cls), self._serializer.settings["return_type"]
            )
            if build is None:
                schema = fields_schema(gen, specs, title, description, config)
            else:
                schema = {**build().schema(gen), "title": title}
        else:
            schema = fields_schema(gen, specs, title, description, config)
            if gen.mode == "serialization":
                self._computed_schema(gen, schema)
        extra = config.get("json_schema_extra")
        if callable(extra):
            extra(schema)
        elif extra:
            schema.update(extra)
        return schema

    def _computed_schema(self, gen, schema):
        for name, (info, build) in self._computed.items():
            node = build() if build else Node()
            inner = dict(node.schema(gen))
            out = info.alias if gen.by_alias and info.alias else name
            if node.titled:
                inner.setdefault("title", title_of(out))
            for key in ("title", "description", "examples"):
                if getattr(info, key) is not None:
                    inner[key] = getattr(info, key)
            inner["readOnly"] = True
            if isinstance(info.json_schema_extra, dict):
                inner.update(info.json_schema_extra)
            schema["properties"][out] = inner
            schema.setdefault("required", []).append(out)

    def dump(self, value, how, include=None, exclude=None):
        cls = self.cls
        if not isinstance(value, cls):
            return dump_any(value, how, include, exclude)
        specs = self.specs
        plain = lambda: self._plain(value, specs, how, include, exclude)  # noqa: E731
        if self._serializer is None or not _uses(self._serializer, value, how):
            return plain()
        made = call_model_serializer(self._serializer, cls, value, how, include, exclude, plain)
        return dump_any(made, how)

    def _plain(self, value, specs, how, include, exclude):
        if self.cls.__pydantic_root_model__:
            return specs[0].node.dump(value.root, how, include, exclude)
        attributes = value.__dict__
        given = value.__pydantic_fields_set__
        used = [_of_instance(spec, value) for spec in specs]
        made = dump_fields(used, attributes.__getitem__, how, include, exclude, given)
        for key, item in (value.__pydantic_extra__ or {}).items():
            keep, inner_in, inner_ex = nested(include, exclude, key)
            if keep and not (how.exclude_none and item is None):
                made[key] = dump_any(item, how, inner_in, inner_ex)
        if how.round_trip:
            return made
        for name, (info, build) in self._computed.items():
            keep, inner_in, inner_ex = nested(include, exclude, name)
            if not keep:
                continue
            item = getattr(value, name)
            if how.exclude_none and item is None:
                continue
            node = build() if build else Node()
            out = info.alias if how.by_alias and info.alias else name
            made[out] = node.dump(item, how, inner_in, inner_ex)
        return made

    def fits(self, value):
        return isinstance(value, self.cls)


def _getter(info):
    wrapped = info.wrapped_property
    return getattr(wrapped, "fget", None) or getattr(wrapped, "func", None)


def _uses(serializer, value, how):
    from ._wrappers import applies

    return applies(serializer.settings["when_used"], value, how)


def _of_instance(spec, instance):
    """A field whose serializer is a method, with the object that it is called on."""
    node = spec.node
    if not isinstance(node, FieldSerializerNode):
        return spec
    made = Spec.__new__(Spec)
    for name in Spec.__slots__:
        setattr(made, name, getattr(spec, name))
    made.node = node.of(instance)
    return made
