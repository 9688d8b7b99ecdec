"""The filters and functions that exist, by name, and how arguments reach them.

A filter is an ordinary function of its input and its arguments; a function has arguments only. Parameters
without a default are required, `snake_case` becomes `camelCase`, a first parameter called `run` receives the
rendering. The docstring is the reference page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from batuta.expr.run import MISSING

Body = TypeVar("Body", bound=Callable[..., Any])


class Builtin(NamedTuple):
    """One filter or function as the evaluator calls it."""

    name: str
    kind: str
    """`filter` or `function`."""
    call: Callable[..., Any]
    parameters: tuple[tuple[str, Any], ...]
    """Names and defaults in order; `MISSING` marks a required one."""
    takes_run: bool
    takes_rest: bool
    """Whether any number of positional arguments is taken."""
    takes_null: bool
    """Whether a filter sees null; the others answer null with null."""
    alias_of: str | None


FILTERS: dict[str, Builtin] = {}
FUNCTIONS: dict[str, Builtin] = {}


def filter_(name: str, *aliases: str, null: bool = False) -> Callable[[Body], Body]:
    """Register a filter; `null` says that it wants to see null."""
    return _register(FILTERS, "filter", name, aliases, null)


def function(name: str, *aliases: str) -> Callable[[Body], Body]:
    """Register a function."""
    return _register(FUNCTIONS, "function", name, aliases, True)


def _register(
    table: dict[str, Builtin], kind: str, name: str, aliases: tuple[str, ...], null: bool
) -> Callable[[Body], Body]:
    def register(body: Body) -> Body:
        code = body.__code__
        names = code.co_varnames[: code.co_argcount]
        defaults = body.__defaults__ or ()
        values = (MISSING,) * (len(names) - len(defaults)) + defaults
        takes_run = names[:1] == ("run",)
        skipped = takes_run + (kind == "filter")
        parameters = tuple((_camel(n), v) for n, v in zip(names[skipped:], values[skipped:], strict=True))
        rest = bool(code.co_flags & 0x04)
        for spelling in (name, *aliases):
            alias_of = None if spelling == name else name
            table[spelling] = Builtin(spelling, kind, body, parameters, takes_run, rest, null, alias_of)
        return body

    return register


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)
