"""Filters, functions and macros: how the arguments of a call reach the parameters (expression spec §6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from batuta.expr import tree
from batuta.expr.catalogue import FILTERS, FUNCTIONS, Builtin
from batuta.expr.errors import (
    ArgumentError,
    EvaluationError,
    ExpressionError,
    UndefinedError,
    unknown_call,
    unknown_filter,
)
from batuta.expr.run import MISSING, Run
from batuta.expr.values import is_blank
from batuta.nearness import nearest


class CompiledArguments(NamedTuple):
    """Arguments of a call as functions of the run."""

    positional: tuple[Callable[[Run], Any], ...]
    named: tuple[tuple[str, Callable[[Run], Any]], ...]


def compile_arguments(
    arguments: tree.Arguments, compile_: Callable[[tree.Expression], Callable[[Run], Any]]
) -> CompiledArguments:
    """Compile every argument with `compile_`."""
    return CompiledArguments(
        tuple(compile_(item) for item in arguments.positional),
        tuple((name, compile_(item)) for name, item in arguments.named),
    )


def compile_filter(
    subject: Callable[[Run], Any], name: str, arguments: CompiledArguments, at: int
) -> Callable[[Run], Any]:
    """`subject | name(arguments)`."""
    if name == "default":
        return _default(subject, arguments, at)
    apply = filter_application(name, arguments, at)
    return lambda run: apply(run, subject)


def filter_application(
    name: str, arguments: CompiledArguments, at: int
) -> Callable[[Run, Callable[[Run], Any]], Any]:
    """The filter `name` with its arguments, still without a subject."""
    builtin = FILTERS.get(name)
    if builtin is None:

        def unknown(run: Run, subject: Callable[[Run], Any]) -> Any:
            raise unknown_filter(name, FILTERS, at)

        return unknown
    values = bind(builtin, arguments, at)
    call, takes_run, takes_null = builtin.call, builtin.takes_run, builtin.takes_null
    if not values and not takes_run and not isinstance(values, _Failure):

        def simply(run: Run, subject: Callable[[Run], Any]) -> Any:
            value = subject(run)
            if value is None and not takes_null:
                return None
            try:
                run.tick()
                run.weigh(value)
                return run.watch(call(value))
            except ExpressionError as error:
                raise error.locate(at) from None

        return simply

    def apply(run: Run, subject: Callable[[Run], Any]) -> Any:
        if isinstance(values, _Failure):
            if values.at_once:
                raise values.error()
            if subject(run) is None and not takes_null:
                return None
            raise values.error()
        given = [value(run) for value in values]
        value = subject(run)
        if value is None and not takes_null:
            return None
        try:
            run.tick()
            run.weigh(value)
            return run.watch(call(run, value, *given) if takes_run else call(value, *given))
        except ExpressionError as error:
            raise error.locate(at) from None

    return apply


def _default(subject: Callable[[Run], Any], arguments: CompiledArguments, at: int) -> Callable[[Run], Any]:
    # The one filter whose subject may be missing.
    values = bind(FILTERS["default"], arguments, at)

    def default(run: Run) -> Any:
        if isinstance(values, _Failure):
            raise values.error()
        try:
            value = subject(run)
        except UndefinedError:
            value = None
        return values[0](run) if is_blank(value) else value

    return default


def compile_call(name: str, arguments: CompiledArguments, at: int) -> Callable[[Run], Any]:
    """`name(arguments)`: a built-in function, else a macro of the template."""
    builtin = FUNCTIONS.get(name)
    if builtin is None:
        return _macro_call(name, arguments, at)
    values = bind(builtin, arguments, at)
    call, takes_run = builtin.call, builtin.takes_run

    def apply(run: Run) -> Any:
        if isinstance(values, _Failure):
            raise values.error()
        given = [value(run) for value in values]
        try:
            run.tick()
            return run.watch(call(run, *given) if takes_run else call(*given))
        except ExpressionError as error:
            raise error.locate(at) from None

    return apply


def _macro_call(name: str, arguments: CompiledArguments, at: int) -> Callable[[Run], Any]:
    def apply(run: Run) -> Any:
        macro = run.template.macros.get(name)
        if macro is None:
            raise unknown_call(name, [*FUNCTIONS, *run.template.macros], at)
        if macro is MISSING:
            raise EvaluationError(f"More than one macro is called {name}", offset=at)
        try:
            run.tick()
            positional = [value(run) for value in arguments.positional]
            named = {key: value(run) for key, value in arguments.named}
            return macro(run, positional, named)
        except ExpressionError as error:
            raise error.locate(at) from None

    return apply


class _Failure(NamedTuple):
    """Arguments that do not fit; reported when the call is reached."""

    message: str
    expected: str | None
    near: str | None
    at: int
    at_once: bool

    def error(self) -> ArgumentError:
        return ArgumentError(self.message, offset=self.at, expected=self.expected, near=self.near)


def bind(builtin: Builtin, arguments: CompiledArguments, at: int) -> list[Callable[[Run], Any]] | _Failure:
    """One function per parameter, in order; or what does not fit."""
    names = [name for name, _ in builtin.parameters]
    positional = list(arguments.positional)
    if builtin.takes_rest:
        return positional
    if not names:
        # Nothing is declared: whatever is given is ignored.
        return []
    title = f"{builtin.kind} `{builtin.name}`"
    expected = ", ".join(f"`{name}`" for name in names)
    if len(positional) > len(names):
        return _Failure(f"The {title} takes at most {len(names)} arguments", expected, None, at, True)
    given = dict(zip(names, positional, strict=False))
    for name, value in arguments.named:
        if name not in names:
            return _Failure(f"The {title} has no argument `{name}`", expected, nearest(name, names), at, True)
        given[name] = value
    values = []
    for name, default in builtin.parameters:
        if name in given:
            values.append(given[name])
        elif default is MISSING:
            return _Failure(f"The {title} expects an argument '{name}'", None, None, at, False)
        else:
            values.append(_constant(default))
    return values


def _constant(value: Any) -> Callable[[Run], Any]:
    return lambda run: value
