"""Functions of any value, of arrays and of objects."""

from __future__ import annotations

from typing import Any

from batuta.expr.jq import assignments, operators
from batuta.expr.jq.data import JqError, describe, index, indices, iterate, same, truth, type_of
from batuta.expr.jq.functions.registering import Functions
from batuta.expr.kinds import is_number
from batuta.expr.run import Run

FUNCTIONS = Functions()


def _length(run: Run, value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, bool):
        raise JqError(f"{describe(value)} has no length")
    return abs(value) if is_number(value) else len(value)


def _keys(run: Run, value: Any) -> list[Any]:
    if isinstance(value, dict):
        return sorted(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise JqError(f"{describe(value)} has no keys")


def _has(run: Run, value: Any, key: Any) -> bool:
    if isinstance(value, dict) and isinstance(key, str):
        return key in value
    if isinstance(value, list) and is_number(key):
        return bool(0 <= key < len(value))
    raise JqError(f"Cannot check whether {type_of(value)} has a {type_of(key)} key")


def _contains(run: Run, left: Any, right: Any) -> bool:
    run.tick()
    if isinstance(left, dict) and isinstance(right, dict):
        return all(key in left and _contains(run, left[key], item) for key, item in right.items())
    if isinstance(left, list) and isinstance(right, list):
        return all(
            any(_contains(run, item, wanted) for item in left if type_of(item) == type_of(wanted))
            for wanted in right
        )
    if isinstance(left, str) and isinstance(right, str):
        return right in left
    if type_of(left) == type_of(right):
        return same(left, right)
    raise JqError(f"{describe(left)} and {describe(right)} cannot have their containment checked")


def _add(run: Run, value: Any) -> Any:
    items = [item for _, item in iterate(value)]
    if items and all(isinstance(item, str) for item in items):
        run.fits(sum(map(len, items)))
        return "".join(items)
    if items and all(isinstance(item, list) for item in items):
        run.grow(sum(map(len, items)))
        return [inner for item in items for inner in item]
    total = None
    for item in items:
        run.tick()
        total = operators.add(run, total, item)
    return total


def _flatten(run: Run, value: Any, depth: Any = 1000) -> list[Any]:
    if not is_number(depth) or depth < 0:
        raise JqError("flatten depth must not be negative")
    result: list[Any] = []
    for _, item in iterate(value):
        run.grow(1)
        if isinstance(item, list) and depth > 0:
            result.extend(_flatten(run, item, depth - 1))
        else:
            result.append(item)
    return result


def _reverse(run: Run, value: Any) -> Any:
    if value is None:
        return []
    if not isinstance(value, list):
        raise JqError(f"Cannot reverse {describe(value)}")
    return value[::-1]


def _transpose(run: Run, value: Any) -> list[Any]:
    rows = [item for _, item in iterate(value)]
    if not all(isinstance(row, list) for row in rows):
        raise JqError(f"{describe(value)} has rows that are no arrays")
    width = max((len(row) for row in rows), default=0)
    run.grow(width * len(rows))
    return [[index(row, at) for row in rows] for at in range(width)]


def _where(run: Run, value: Any, wanted: Any) -> Any:
    return None if value is None else indices(value, wanted)


FUNCTIONS.simple("not", 0, lambda run, value: not truth(value))
FUNCTIONS.simple("length", 0, _length)
FUNCTIONS.simple("keys", 0, _keys)
FUNCTIONS.simple(
    "keys_unsorted", 0, lambda run, value: list(value) if isinstance(value, dict) else _keys(run, value)
)
FUNCTIONS.simple("has", 1, _has)
FUNCTIONS.simple("contains", 1, _contains)
FUNCTIONS.simple("add", 0, _add)
FUNCTIONS.simple("flatten", 0, _flatten)
FUNCTIONS.simple("flatten", 1, _flatten)
FUNCTIONS.simple("type", 0, lambda run, value: type_of(value))
FUNCTIONS.simple("reverse", 0, _reverse)
FUNCTIONS.simple("transpose", 0, _transpose)
FUNCTIONS.simple("indices", 1, _where)
FUNCTIONS.simple("index", 1, lambda run, value, wanted: next(iter(_where(run, value, wanted) or []), None))
FUNCTIONS.simple(
    "rindex", 1, lambda run, value, wanted: next(iter((_where(run, value, wanted) or [])[::-1]), None)
)
FUNCTIONS.simple("setpath", 2, lambda run, value, path, new: assignments.set_path(run, value, path, new))
FUNCTIONS.simple("delpaths", 1, lambda run, value, paths: assignments.delete_paths(run, value, list(paths)))
FUNCTIONS.simple("null", 0, lambda run, value: None)
FUNCTIONS.simple("true", 0, lambda run, value: True)
FUNCTIONS.simple("false", 0, lambda run, value: False)
