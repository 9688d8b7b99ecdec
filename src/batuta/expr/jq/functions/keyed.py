"""Functions that sort and group by a key: the list of what their argument gives for an element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batuta.expr.jq.data import JqError, describe, order
from batuta.expr.jq.functions.registering import Arguments, Functions
from batuta.expr.jq.machine import Environment, Path, Stream, values
from batuta.expr.jq.parser import Node
from batuta.expr.run import Run

FUNCTIONS = Functions()


def _keyed(run: Run, env: Environment, node: Node, items: Any, name: str) -> list[tuple[Any, Any]]:
    if not isinstance(items, list):
        raise JqError(f"Cannot {name} {describe(items)}: it is not an array")
    return [(order(list(values(run, node, env, item))), item) for item in items]


def _by(name: str, choose: Callable[[list[tuple[Any, Any]]], Any]) -> None:
    def call(run: Run, env: Environment, arguments: Arguments, value: Any, path: Path) -> Stream:
        yield choose(_keyed(run, env, arguments[0], value, name)), None

    FUNCTIONS[(name, 1)] = call
    plain = name.removesuffix("_by")
    if plain != "group":
        identity: Arguments = (("identity",),)
        FUNCTIONS[(plain, 0)] = lambda run, env, arguments, value, path: call(run, env, identity, value, path)


def _grouped(pairs: list[tuple[Any, Any]]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    last: Any = None
    for key, item in sorted(pairs, key=lambda pair: pair[0]):
        if groups and key == last:
            groups[-1].append(item)
        else:
            groups.append([item])
            last = key
    return groups


def _extreme(pairs: list[tuple[Any, Any]], *, greatest: bool) -> Any:
    if not pairs:
        return None
    # Of equals, jq takes the last for the greatest and the first for the least.
    best = pairs[0]
    for pair in pairs[1:]:
        if pair[0] >= best[0] if greatest else pair[0] < best[0]:
            best = pair
    return best[1]


_by("sort_by", lambda pairs: [item for _, item in sorted(pairs, key=lambda pair: pair[0])])
_by("group_by", _grouped)
_by("unique_by", lambda pairs: [group[0] for group in _grouped(pairs)])
_by("min_by", lambda pairs: _extreme(pairs, greatest=False))
_by("max_by", lambda pairs: _extreme(pairs, greatest=True))
