"""`validate_call`: a function whose arguments are validated."""

import functools
import inspect
import typing

from ._build import Builder
from ._failures import Invalid, ValidationError
from ._state import State
from .config import checked
from .errors import PydanticUserError
from .fields import FieldInfo, PydanticUndefined


def validate_call(function=None, /, *, config=None, validate_return=False):
    """Validate a function's arguments (and its result) by its annotations."""
    settings = checked(dict(config or {}))

    def decorate(function):
        if isinstance(function, (classmethod, staticmethod)):
            name = type(function).__name__
            raise PydanticUserError(f"`@{name}` goes on top of `@validate_call`, not below it")
        arguments = _Arguments(function, settings, validate_return)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args, **kwargs):
                args, kwargs = arguments.take(args, kwargs)
                return arguments.result(await function(*args, **kwargs))
        else:

            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                args, kwargs = arguments.take(args, kwargs)
                return arguments.result(function(*args, **kwargs))

        wrapper.raw_function = function
        return wrapper

    return decorate if function is None else decorate(function)


class _Arguments:
    """A function's parameters as nodes, built at the first call."""

    def __init__(self, function, config, validate_return):
        self.function, self.config, self.validate_return = function, config, validate_return
        self._built = None

    def built(self):
        """`(parameters, nodes, infos)`"""
        if self._built is None:
            hints = typing.get_type_hints(self.function, include_extras=True)
            builder = Builder(self.config)
            parameters = list(inspect.signature(self.function).parameters.values())
            nodes, infos = {}, {}
            for parameter in parameters:
                hint = hints.get(parameter.name, typing.Any)
                metadata = ()
                if typing.get_origin(hint) is typing.Annotated:
                    hint, metadata = hint.__origin__, hint.__metadata__
                default = (
                    PydanticUndefined if parameter.default is parameter.empty else parameter.default
                )
                infos[parameter.name] = FieldInfo.merged(hint, metadata, default)
                nodes[parameter.name] = builder.annotated(hint, infos[parameter.name].metadata)
            if self.validate_return and "return" in hints:
                nodes["return"] = builder.build(hints["return"])
            self._built = parameters, nodes, infos
        return self._built

    def take(self, args, kwargs):
        """Arguments validated. Raises `ValidationError`."""
        parameters, nodes, infos = self.built()
        st, lines, new_args, new_kwargs = State(), [], [], {}
        rest, keywords = list(args), dict(kwargs)

        def add(name, key, value):
            try:
                return nodes[name].validate(value, st)
            except Invalid as invalid:
                lines.extend(invalid.under(key))

        count = 0
        for parameter in parameters:
            name, kind = parameter.name, parameter.kind
            alias = infos[name].validation_alias
            keyword = alias if isinstance(alias, str) else name
            positional = kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            if positional and rest:
                new_args.append(add(name, count, rest.pop(0)))
                if keyword in keywords and kind is not parameter.POSITIONAL_ONLY:
                    lines += Invalid("multiple_argument_values", keywords.pop(keyword)).under(
                        keyword
                    )
                count += 1
            elif kind is parameter.VAR_POSITIONAL:
                new_args += [add(name, count + i, value) for i, value in enumerate(rest)]
                rest = []
            elif kind is parameter.VAR_KEYWORD:
                for key in list(keywords):
                    new_kwargs[key] = add(name, key, keywords.pop(key))
            elif keyword in keywords and kind is not parameter.POSITIONAL_ONLY:
                new_kwargs[name] = add(name, keyword, keywords.pop(keyword))
            elif infos[name].is_required():
                wrong = {
                    parameter.POSITIONAL_ONLY: "missing_positional_only_argument",
                    parameter.KEYWORD_ONLY: "missing_keyword_only_argument",
                }.get(kind, "missing_argument")
                key = count if kind is parameter.POSITIONAL_ONLY else keyword
                lines += Invalid(wrong, _ArgsKwargs(args, kwargs)).under(key)
            elif kind is parameter.POSITIONAL_ONLY:
                new_args.append(infos[name].get_default(call_default_factory=True))
            else:
                new_kwargs[name] = infos[name].get_default(call_default_factory=True)
        for i, value in enumerate(rest):
            lines += Invalid("unexpected_positional_argument", value).under(count + i)
        for key, value in keywords.items():
            lines += Invalid("unexpected_keyword_argument", value).under(key)
        if lines:
            raise ValidationError(self.function.__name__, lines)
        return new_args, new_kwargs

    def result(self, value):
        """The function's result, validated where that was asked for."""
        node = self.built()[1].get("return")
        if node is None:
            return value
        try:
            return node.validate(value, State())
        except Invalid as invalid:
            raise ValidationError(self.function.__name__, invalid.lines) from None


class _ArgsKwargs:
    """A call's arguments, as an error's input."""

    def __init__(self, args, kwargs):
        self.args, self.kwargs = args, kwargs

    def __repr__(self):
        inner = repr(self.args)
        return f"ArgsKwargs({inner}, {self.kwargs!r})" if self.kwargs else f"ArgsKwargs({inner})"
