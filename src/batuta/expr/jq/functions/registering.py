"""How the built-in functions of jq are registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from batuta.expr.jq.machine import Environment, NoPath, Path, Stream, values
from batuta.expr.jq.parser import Node
from batuta.expr.run import Run

Arguments = tuple[Node, ...]
Builtin = Callable[[Run, Environment, Arguments, Any, Path], Stream]


class Functions(dict[tuple[str, int], Builtin]):
    """Functions by name and number of arguments."""

    def simple(self, name: str, arity: int, apply: Callable[..., Any]) -> None:
        """Register a function of the input and of every combination of its arguments' values."""

        def call(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
            for given in combinations(run, env, arguments, value):
                yield apply(run, value, *given), None if path is None else (NoPath,)

        self[name, arity] = call

    def stream(self, name: str, arity: int) -> Callable[[Builtin], Builtin]:
        """Register a function that sees its arguments as programs, and gives any number of values."""

        def register(body: Builtin) -> Builtin:
            self[name, arity] = body
            return body

        return register


def combinations(run: Run, env: Environment, arguments: Arguments, value: Any) -> Iterator[list[Any]]:
    """What the arguments give, in all combinations; the last argument changes slowest, as in jq."""
    if not arguments:
        yield []
        return
    for rest in combinations(run, env, arguments[1:], value):
        for first in values(run, arguments[0], env, value):
            yield [first, *rest]
