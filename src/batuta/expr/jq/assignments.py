"""Paths: reading, setting and deleting what they name, and the assignment operators."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from batuta.expr.jq.data import JqError, cut, index, order, truth, type_of
from batuta.expr.jq.machine import Environment, evaluate, real_path, values
from batuta.expr.jq.operators import BINARY
from batuta.expr.jq.parser import Node
from batuta.expr.kinds import is_number
from batuta.expr.run import Run

_MOST_PADDING = 100_000


def paths_of(run: Run, node: Node, env: Environment, value: Any) -> Iterator[tuple[Any, ...]]:
    """The paths that `node` visits in `value`."""
    for _, path in evaluate(run, node, env, value, ()):
        yield real_path(path)


def get_path(value: Any, path: Any) -> Any:
    """What a path names; null below null."""
    for key in path:
        value = index(value, key)
    return value


def set_path(run: Run, value: Any, path: Any, new: Any) -> Any:
    """`value` with `new` at `path`; the rest is shared."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    run.tick()
    if isinstance(key, dict):
        owner = [] if value is None else value
        if not isinstance(owner, list):
            raise JqError(f"Cannot update field at object index of {type_of(owner)}")
        part = set_path(run, cut(owner, key.get("start"), key.get("end")), rest, new)
        if not isinstance(part, list):
            raise JqError("A slice of an array can only be assigned another array")
        first = len(cut(owner, None, key.get("start"))) if key.get("start") is not None else 0
        size = len(cut(owner, key.get("start"), key.get("end")))
        return owner[:first] + part + owner[first + size :]
    changed = set_path(run, index(value, key), rest, new)
    if isinstance(key, str):
        run.grow(len(value or ()))
        return {**(value or {}), key: changed}
    if not is_number(key):
        raise JqError(f"Invalid path component of type {type_of(key)}")
    items = list(value or [])
    place = math.floor(key)
    place = place + len(items) if place < 0 else place
    if place < 0:
        raise JqError("Out of bounds negative array index")
    if place > len(items) + _MOST_PADDING:
        raise JqError("Array index too large")
    run.grow(max(len(items), place + 1))
    items.extend([None] * (place + 1 - len(items)))
    items[place] = changed
    return items


def delete_paths(run: Run, value: Any, paths: list[Any]) -> Any:
    """`value` without what the paths name, the last ones first."""
    for path in sorted(paths, key=lambda path: order(list(path)), reverse=True):
        value = _delete(run, value, path)
    return value


def _delete(run: Run, value: Any, path: Any) -> Any:
    if not path:
        return None
    if value is None:
        return None
    run.tick()
    key, rest = path[0], path[1:]
    if rest:
        inner = index(value, key)
        return value if inner is None else set_path(run, value, (key,), _delete(run, inner, rest))
    if isinstance(value, dict) and isinstance(key, str):
        return {name: item for name, item in value.items() if name != key}
    if isinstance(value, list) and is_number(key):
        place = math.floor(key)
        place = place + len(value) if place < 0 else place
        return value[:place] + value[place + 1 :] if 0 <= place < len(value) else value
    if isinstance(value, list) and isinstance(key, dict):
        first = len(cut(value, None, key.get("start"))) if key.get("start") is not None else 0
        size = len(cut(value, key.get("start"), key.get("end")))
        return value[:first] + value[first + size :]
    raise JqError(f"Cannot delete field at {type_of(key)} index of {type_of(value)}")


def assign(run: Run, node: Node, env: Environment, value: Any) -> Iterator[Any]:
    """`left op right` for every assignment operator."""
    _, sign, left, right = node
    if sign == "|=":
        result = value
        gone = []
        for path in list(paths_of(run, left, env, value)):
            for new in values(run, right, env, get_path(result, path)):
                result = set_path(run, result, path, new)
                break
            else:
                gone.append(path)
        yield delete_paths(run, result, gone) if gone else result
        return
    for operand in values(run, right, env, value):
        result = value
        for path in list(paths_of(run, left, env, value)):
            if sign == "=":
                new = operand
            elif sign == "//=":
                known = get_path(result, path)
                new = known if truth(known) else operand
            else:
                new = BINARY[sign[0]](run, get_path(result, path), operand)
            result = set_path(run, result, path, new)
        yield result
