"""Nodes of objects with named values, but for models: dataclasses, TypedDicts, NamedTuples."""

import collections.abc as abc
import dataclasses
import sys
import typing

from ._collections import check_length
from ._dump import How, dump_any, nested
from ._failures import Invalid
from ._nodes import Node
from ._state import LAX
from .fields import FieldInfo, PydanticUndefined


class Spec:
    """One named value: how it is found, validated and dumped."""

    __slots__ = ("name", "info", "node", "keys", "loc", "required", "serializer")

    def __init__(self, name, info, node, by_name=False):
        self.name, self.info, self.node = name, info, node
        alias = info.validation_alias
        choices = alias if isinstance(alias, tuple) else (alias,) if alias is not None else ()
        self.keys = (*choices, name) if by_name and choices else choices or (name,)
        self.loc = self.keys[0]
        self.required = info.is_required()
        self.serializer = None

    def out_name(self, how):
        """The key in a dump."""
        alias = self.info.serialization_alias
        return alias if how.by_alias and alias is not None else self.name


def take_fields(specs, get, st, values, given, config):
    """Validate named values into `values`; returns `(lines, keys used)`.

    `get(key)` gives a value or raises KeyError or AttributeError.
    """
    lines, used = [], set()
    outer_data, outer_name, outer_config = st.data, st.field_name, st.config
    st.data, st.config = values, config
    for spec in specs:
        for key in spec.keys:
            try:
                value = get(key)
            except (KeyError, AttributeError):
                continue
            used.add(key)
            st.field_name = spec.name
            try:
                made = spec.node.validate(value, st)
            except Invalid as invalid:
                lines += invalid.under(key)
            else:
                values[spec.name] = made
                given.add(spec.name)
            st.data = values
            break
        else:
            if spec.required:
                lines.append((spec, None))
                continue
            try:
                values[spec.name] = default_of(spec, st, values, config)
            except Invalid as invalid:
                lines += invalid.under(spec.loc)
    st.data, st.field_name, st.config = outer_data, outer_name, outer_config
    return lines, used


def default_of(spec, st, values, config):
    """A field's default, validated where that is asked for."""
    default = spec.info.get_default(call_default_factory=True, validated_data=values)
    validate = spec.info.validate_default
    if validate is None:
        validate = config.get("validate_default", False)
    if not validate:
        return default
    st.field_name = spec.name
    return spec.node.validate(default, st)


def finish_lines(lines, value):
    """The lines of missing fields, which are about the whole object."""
    finished = []
    for line in lines:
        if isinstance(line, tuple):
            finished += Invalid("missing", value).under(line[0].loc)
        else:
            finished.append(line)
    return finished


def title_of(name):
    """A field's title: `max_load` is "Max Load"."""
    return name.title().replace("_", " ").strip()


def fields_schema(gen, specs, title, description, config=None):
    """The schema of an object with these fields."""
    properties, required = {}, []
    for spec in specs:
        if spec.info.init is False and gen.mode == "validation":
            continue
        if spec.info.exclude and gen.mode == "serialization":
            continue
        inner = dict(spec.node.schema(gen))
        if spec.node.titled and "title" not in inner:
            inner["title"] = title_of(spec.loc if gen.by_alias else spec.name)
        alias = (
            spec.info.serialization_alias
            if gen.mode == "serialization"
            else spec.info.validation_alias
        )
        name = spec.name
        if gen.by_alias and alias is not None:
            name = alias[0] if isinstance(alias, tuple) else alias
            if spec.node.titled and "title" in inner and inner["title"] == title_of(spec.loc):
                inner["title"] = title_of(name)
        default = spec.info.default
        if default is not PydanticUndefined:
            try:
                inner["default"] = dump_any(default, How("json"))
            except Exception:  # a default without a JSON form is not shown
                inner.pop("default", None)
        properties[name] = spec.info._described(inner)
        if spec.required:
            required.append(name)
    schema = {"properties": properties, "title": title, "type": "object"}
    if required:
        schema["required"] = required
    if description:
        import inspect

        schema["description"] = inspect.cleandoc(description)
    extra = (config or {}).get("extra")
    if extra == "forbid":
        schema["additionalProperties"] = False
    elif extra == "allow":
        schema["additionalProperties"] = True
    return schema


def dump_fields(specs, get, how, include, exclude, given=None):
    """Named values dumped."""
    made = {}
    for spec in specs:
        try:
            value = get(spec.name)
        except (KeyError, AttributeError):
            continue
        keep, inner_in, inner_ex = nested(include, exclude, spec.name)
        if not keep or spec.info.exclude:
            continue
        if how.exclude_none and value is None:
            continue
        if how.exclude_unset and given is not None and spec.name not in given:
            continue
        if how.exclude_defaults and spec.info.default is not PydanticUndefined:
            if value == spec.info.default:
                continue
        node = spec.serializer or spec.node
        made[spec.out_name(how)] = node.dump(value, how, inner_in, inner_ex)
    return made


class RecordNode(Node):
    """A class with named values; its fields are read at first use, as it may contain itself."""

    titled = False
    shared = True

    def __init__(self, cls, config, hint):
        super().__init__()
        self.cls, self.hint = cls, hint
        own = getattr(cls, "__pydantic_config__", None)
        self.config = config if own is None else own
        self._specs = None

    @property
    def name(self):
        return self.cls.__name__

    @property
    def specs(self):
        """The fields."""
        if self._specs is None:
            self._specs = self._read()
        return self._specs

    def _hints(self):
        scope = {self.cls.__name__: self.cls}
        try:
            hints = typing.get_type_hints(self.cls, include_extras=True)
        except NameError:
            names = getattr(sys.modules.get(self.cls.__module__), "__dict__", {})
            hints = typing.get_type_hints(self.cls, {**names, **scope}, None, include_extras=True)
        parameters = getattr(typing.get_origin(self.hint), "__parameters__", ())
        if parameters:
            from ._hints import substitute

            arguments = dict(zip(parameters, typing.get_args(self.hint)))
            hints = {name: substitute(hint, arguments) for name, hint in hints.items()}
        return hints

    def spec(self, name, hint, default=PydanticUndefined):
        """A field from its hint and what was assigned."""
        from ._build import Builder

        metadata = ()
        if typing.get_origin(hint) is typing.Annotated:
            hint, metadata = hint.__origin__, hint.__metadata__
        info = FieldInfo.merged(hint, metadata, default)
        node = Builder(self.config).annotated(hint, field_metadata(info))
        return Spec(name, info, node, self.config.get("populate_by_name", False))

    def _described(self):
        text = vars(self.cls).get("__doc__") or ""
        return None if text.startswith(f"{self.cls.__name__}(") else text

    def fits(self, value):
        return isinstance(value, self.cls)


def field_metadata(info):
    """A field's metadata, its discriminator included, for the builder."""
    if info.discriminator is None:
        return info.metadata
    from .types import Discriminator

    inner = getattr(info.discriminator, "discriminator", info.discriminator)
    return [Discriminator(inner), *info.metadata]


class TypedDictNode(RecordNode):
    """A TypedDict: a plain dict comes out, without the keys that it does not declare."""

    def _read(self):
        specs = []
        for name, hint in self._hints().items():
            required, bare = name in self.cls.__required_keys__, hint
            while True:
                origin = typing.get_origin(bare)
                if origin in (typing.Required, typing.NotRequired):
                    required = origin is typing.Required
                if origin is typing.Annotated:
                    bare = bare.__origin__
                elif origin in (
                    typing.Required,
                    typing.NotRequired,
                    getattr(typing, "ReadOnly", None),
                ):
                    bare = typing.get_args(bare)[0]
                else:
                    break
            spec = self.spec(name, hint)
            spec.required = required
            specs.append(spec)
        return specs

    def validate(self, value, st):
        if not isinstance(value, abc.Mapping):
            raise Invalid("dict_type", value)
        values, given = {}, set()
        lines, used = [], set()
        optional = [x for x in self.specs if not x.required]
        wanted = [x for x in self.specs if x.required or any(k in value for k in x.keys)]
        lines, used = take_fields(wanted, value.__getitem__, st, values, given, self.config)
        extra = self.config.get("extra")
        known = used | {key for spec in optional for key in spec.keys}
        for key, item in value.items():
            if key in known:
                continue
            if extra == "forbid":
                lines += Invalid("extra_forbidden", item).under(key)
            elif extra == "allow":
                values[key] = item
        if lines:
            raise Invalid.of(finish_lines(lines, value))
        st.fields_set += len(given)
        return values

    def schema(self, gen):
        def build():
            title = self.config.get("title", self.cls.__name__)
            return fields_schema(gen, self.specs, title, self._described(), self.config)

        return gen.define(self.hint, self.cls.__name__, build)

    def dump(self, value, how, include=None, exclude=None):
        if not isinstance(value, dict):
            return dump_any(value, how, include, exclude)
        made = dump_fields(self.specs, value.__getitem__, how, include, exclude)
        names = {spec.name for spec in self.specs}
        rest = {k: v for k, v in value.items() if k not in names}
        return {**made, **dump_any(rest, how)} if rest else made

    def fits(self, value):
        return isinstance(value, dict)


class NamedTupleNode(RecordNode):
    """A NamedTuple, from an array or an object."""

    def _read(self):
        hints, defaults = self._hints(), self.cls._field_defaults
        return [
            self.spec(x, hints.get(x, typing.Any), defaults.get(x, PydanticUndefined))
            for x in self.cls._fields
        ]

    @property
    def name(self):
        return f"call[{self.cls.__name__}]"

    def validate(self, value, st):
        if isinstance(value, abc.Mapping):
            pairs = dict(value)
        elif isinstance(value, (list, tuple)):
            check_length({"max_length": len(self.specs)}, len(value), value, "NamedTuple")
            pairs = dict(enumerate(value))
        else:
            raise Invalid("named_tuple_type", value, {"class_name": self.cls.__name__})
        if not isinstance(value, self.cls):
            st.floor(LAX)
        values, lines = {}, []
        for i, spec in enumerate(self.specs):
            key = i if i in pairs and not isinstance(value, abc.Mapping) else spec.name
            if key in pairs:
                try:
                    values[spec.name] = spec.node.validate(pairs.pop(key), st)
                except Invalid as invalid:
                    lines += invalid.under(key)
            elif spec.required:
                lines += Invalid("missing", value).under(
                    spec.name if isinstance(value, abc.Mapping) else i
                )
        for key, item in pairs.items():
            if isinstance(value, abc.Mapping):
                lines += Invalid("extra_forbidden", item).under(key)
        if lines:
            raise Invalid.of(lines)
        return self.cls(**values)

    def schema(self, gen):
        items, least = [], 0
        for spec in self.specs:
            inner = {**spec.node.schema(gen)}
            if spec.node.titled:
                inner.setdefault("title", title_of(spec.name))
            if spec.required:
                least += 1
            else:
                inner["default"] = dump_any(spec.info.default, How("json"))
            items.append(inner)
        return {"type": "array", "prefixItems": items, "minItems": least, "maxItems": len(items)}

    def dump(self, value, how, include=None, exclude=None):
        made = [spec.node.dump(x, how) for spec, x in zip(self.specs, value)]
        return made if how.json else self.cls(*made)


class DataclassNode(RecordNode):
    """A dataclass of the standard library, or one of pydantic's."""

    def __init__(self, cls, config, hint):
        super().__init__(cls, config, hint)
        self._before, self._outer = [], []
        self._wrapped = None

    def _read(self):
        from ._decorators import collected, with_decorators

        hints = self._hints()
        specs = []
        for name, field in self.cls.__dataclass_fields__.items():
            if field._field_type.name == "_FIELD_CLASSVAR":
                continue
            default = field.default
            if isinstance(default, FieldInfo):
                pass
            elif field.default_factory is not dataclasses.MISSING:
                default = FieldInfo(default_factory=field.default_factory)
            elif default is dataclasses.MISSING:
                default = PydanticUndefined
            hint = hints.get(name, field.type)
            spec = self.spec(name, hint, default)
            spec.info = spec.info.copied(init=field.init and spec.info.init is not False)
            specs.append(spec)
        decorators = collected(self.cls)
        with_decorators(self.cls, specs, decorators, self.config)
        self._before = decorators.before
        self._outer = decorators.outer
        return specs

    def validate(self, value, st):
        from ._decorators import run_model_validators

        specs = self.specs
        if not self._before and not self._outer:
            return self._core(value, st, specs)
        return run_model_validators(self, value, st, lambda v: self._core(v, st, specs))

    def _core(self, value, st, specs):
        instance, st.instance = st.instance, None
        if isinstance(value, self.cls) and instance is None:
            return value
        if not isinstance(value, dict) or (
            self.is_strict(st) and st.mode != "json" and instance is None
        ):
            strict = isinstance(value, dict)
            kind = "dataclass_exact_type" if strict else "dataclass_type"
            raise Invalid(kind, value, {"class_name": self.cls.__name__})
        values, given = {}, set()
        taken = [x for x in specs if x.info.init is not False]
        lines, used = take_fields(taken, value.__getitem__, st, values, given, self.config)
        extra = self.config.get("extra")
        for key, item in value.items():
            if key not in used:
                if extra == "forbid" or (
                    instance is not None
                    and extra != "ignore"
                    and extra != "allow"
                    and extra is not None
                ):
                    lines += Invalid("unexpected_keyword_argument", item).under(key)
        if lines:
            raise Invalid.of(finish_lines(lines, value))
        st.fields_set += len(given)
        return self.make(values, instance, specs)

    def make(self, values, instance, specs):
        """The instance, from validated values."""
        cls = self.cls
        if not vars(cls).get("__is_pydantic_dataclass__"):
            return cls(**values)
        if instance is None:
            instance = cls.__new__(cls)
        init_only = {
            n for n, f in cls.__dataclass_fields__.items() if f._field_type.name == "_FIELD_INITVAR"
        }
        for spec in specs:
            if spec.name in init_only:
                continue
            if spec.name not in values and not spec.required:
                values[spec.name] = spec.info.get_default(
                    call_default_factory=True, validated_data=values
                )
            if spec.name in values:
                object.__setattr__(instance, spec.name, values[spec.name])
        if hasattr(instance, "__post_init__"):
            from ._wrappers import call_validator

            arguments = [values[name] for name in cls.__dataclass_fields__ if name in init_only]
            call_validator(lambda *_: instance.__post_init__(*arguments), values, None, None)
        return instance

    def schema(self, gen):
        def build():
            title = self.config.get("title", self.cls.__name__)
            return fields_schema(gen, self.specs, title, self._described(), self.config)

        return gen.define(self.hint, self.cls.__name__, build)

    def dump(self, value, how, include=None, exclude=None):
        if not isinstance(value, self.cls):
            return dump_any(value, how, include, exclude)
        init_only = [
            n
            for n, f in self.cls.__dataclass_fields__.items()
            if f._field_type.name == "_FIELD_INITVAR"
        ]
        specs = [x for x in self.specs if x.name not in init_only]
        return dump_fields(specs, lambda name: getattr(value, name), how, include, exclude)
