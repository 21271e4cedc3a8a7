"""A handler: JSON inputs in, the author's function called, its value out.

What a call does is worked out at the first call, from the function's code object and its
hints, and nothing that only describes (docstrings, schemas) is touched for it.
"""

import asyncio
import types

from . import hints
from .convert import bounded, converter, unknown
from .describe import describe
from .hints import HandlerError, takes_all
from .violations import Bad, InputError, kind, model_violations

__all__ = ["Handler", "HandlerError", "InputError"]

EMPTY = hints.EMPTY
_COROUTINE = types.CoroutineType


class Handler:
    """A `module:function` or `module.Class:method` handler.

    `function` is the callable found; `cls` its class, for a method, and `init` the names of
    the inputs that go to the class's constructor.
    """

    __slots__ = ("function", "cls", "init", "_plan")

    def __init__(self, function, cls=None, init=()):
        if isinstance(function, (staticmethod, classmethod)):
            function = function.__get__(None, cls)
        self.function, self.cls, self.init = function, cls, tuple(init)
        self._plan = None

    def call(self, inputs):
        """Call with one JSON object. Raises `InputError`, or what the handler raises."""
        if type(inputs) is not dict:
            message = f"the inputs must be an object, not {kind(inputs)}"
            raise Bad("type", message, inputs).as_input_error()
        if self._plan is None:
            self._plan = self._planned()
        try:
            target, args, kwargs = self._plan(inputs)
        except Bad as bad:
            raise bad.as_input_error() from None
        except RecursionError:
            raise Bad("type", "the inputs are nested too deep").as_input_error() from None
        if target is None:  # an instance's method: its constructor is the author's code
            make, args, kwargs = args
            result = self.function(make(), *args, **kwargs)
        else:
            result = target(*args, **kwargs)
        return _finish(result) if type(result) is _COROUTINE else result

    def describe(self):
        """Its `inputs_schema`, `outputs_schema`, `description` and `warnings`.

        Raises `HandlerError` where the signature and `init` do not go together.
        """
        return describe(self)

    def signature(self):
        """The signature of the function, `self` left out."""
        return hints.signature(self.function, self.needs_instance())

    def needs_instance(self):
        """Whether the function takes an instance of `cls` as its first argument."""
        if self.cls is None or isinstance(self.function, types.MethodType):
            return False
        for base in self.cls.__mro__:
            for member in vars(base).values():
                if isinstance(member, staticmethod) and member.__func__ is self.function:
                    return False
        return True

    def constructor(self):
        """The constructor's signature cut down to `init`. Raises `HandlerError`."""
        found = (
            _model_signature(self.cls) if hints.is_model(self.cls) else hints.constructor(self.cls)
        )
        by_name = {parameter.name: parameter for parameter in found.parameters}
        own = {parameter.name for parameter in self.signature().parameters}
        where = f"{self.cls.__name__}'s constructor"
        for name in self.init:
            if name not in by_name and found.extra is None:
                raise HandlerError(f"`init` lists `{name}`, but {where} has no such parameter")
            if name in own:
                method = self.function.__name__
                raise HandlerError(
                    f"`{name}` is a parameter of both {where} and `{method}`: rename one"
                )
        for name, parameter in by_name.items():
            if parameter.default is EMPTY and name not in self.init:
                raise HandlerError(f"{where} needs `{name}`: list it in `init`")
        listed = [
            by_name.get(name) or hints.Parameter(name, found.extra, EMPTY, False)
            for name in self.init
        ]
        return hints.Signature(listed, None, None, EMPTY)

    def _planned(self):
        """`inputs -> (target, args, kwargs)`; a target of None is a method on a new instance."""
        function = self.function
        if self.cls is None:
            return _binder(hints.signature(function), function)
        bind = _binder(self.signature(), function, self.init)
        if not self.needs_instance() and not self.init:
            return bind
        make = self._maker()
        init, needs_instance = self.init, self.needs_instance()

        def plan(inputs):
            first = {name: inputs[name] for name in init if name in inputs}
            rest = {name: x for name, x in inputs.items() if name not in first}
            found, made, target = [], None, None
            # Both halves before anything runs, to report all that is wrong.
            try:
                made = make(first)
            except Bad as bad:
                found += bad.found
            try:
                target = bind(rest)
            except Bad as bad:
                found += bad.found
            if found:
                raise Bad.of(found)
            if needs_instance:
                return None, (made, target[1], target[2]), None
            return target

        return plan

    def _maker(self):
        """`inputs -> a function that makes the instance`."""
        cls = self.cls
        signature = self.constructor()
        if hints.is_model(cls):

            def model(inputs):
                try:
                    instance = cls.model_validate(inputs)
                except Exception as error:
                    raise model_violations(error, inputs) from None
                return lambda: instance

            return model
        bind = _binder(signature, cls, whole=False)

        def make(inputs):
            _, args, kwargs = bind(inputs)
            return lambda: cls(*args, **kwargs)

        return make


def parameter_converter(parameter):
    """A parameter's converter; where None is its default, None is a value of it too."""
    hint = parameter.hint
    if hint is EMPTY or isinstance(hint, hints.Unresolved):
        convert = None
    else:
        convert = converter(hint)
    if parameter.field is not None:
        convert = bounded(convert, hints.Metadata([parameter.field]))
    if parameter.default is None and convert is not None:
        return lambda value: None if value is None else convert(value)
    return convert


def _binder(signature, target, also=(), whole=True):
    """`inputs -> (target, args, kwargs)`, converted; `also` names inputs taken elsewhere."""
    only = takes_all(signature) if whole else None
    if only is not None:
        convert = parameter_converter(only)
        name, nothing = only.name, ()
        if only.positional:
            if convert is None:
                return lambda inputs: (target, (inputs,), {})
            return lambda inputs: (target, (convert(inputs),), {})
        if convert is None:
            return lambda inputs: (target, nothing, {name: inputs})
        return lambda inputs: (target, nothing, {name: convert(inputs)})
    items = [
        (x.name, parameter_converter(x), x.default is EMPTY, x.field) for x in signature.parameters
    ]
    positional = [x for x in signature.parameters if x.positional]
    extra = signature.extra
    extra_converter = None if extra is None or extra is EMPTY else converter(extra)
    names = [x[0] for x in items]

    def bind(inputs):
        values, found, taken = {}, [], 0
        for name, convert, required, field in items:
            if name in inputs:
                taken += 1
                try:
                    values[name] = inputs[name] if convert is None else convert(inputs[name])
                except Bad as bad:
                    found += bad.under(name)
            elif required:
                found += Bad("required", f"`{name}` is required").found
            elif field is not None:
                values[name] = hints.field_default(field)
        if taken != len(inputs):
            for name in inputs:
                if name in names:
                    continue
                if extra is None:
                    found += unknown(name, [*names, *also]).under(name)
                    continue
                try:
                    value = inputs[name]
                    values[name] = value if extra_converter is None else extra_converter(value)
                except Bad as bad:
                    found += bad.under(name)
        if found:
            raise Bad.of(found)
        args = [values.pop(x.name) if x.name in values else x.default for x in positional]
        return target, args, values

    return bind


def _model_signature(cls):
    """A pydantic model's fields as constructor parameters."""
    parameters = []
    for name, field in cls.model_fields.items():
        default = hints.field_default(field)
        alias = getattr(field, "alias", None)
        parameters.append(hints.Parameter(alias or name, field.annotation, default, False))
    return hints.Signature(parameters, None, None, EMPTY)


def _finish(coroutine):
    """The value of a coroutine."""
    return asyncio.run(coroutine)
