"""Filters of maps, and those that take a list or a map."""

from __future__ import annotations

from typing import Any

from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError
from batuta.expr.run import Run
from batuta.expr.values import is_blank


@filter_("default", null=True)
def default(value: Any, default: Any) -> Any:
    """`default` when the input is missing, null or empty; zero and false are kept.

    {{ missing | default('today') }} -> today
    """
    return default if is_blank(value) else value


@filter_("keys")
def keys(value: Any) -> list[Any]:
    """The keys of a map, or the places of a list.

    {{ ['x', 'y'] | keys }} -> [0,1]
    """
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, list):
        return list(range(len(value)))
    raise EvaluationError("`keys` wants a map or a list", seen=[value])


@filter_("values")
def values(value: Any) -> list[Any]:
    """The values of a map.

    {{ {'a': 1} | values }} -> [1]
    """
    if isinstance(value, dict):
        return list(value.values())
    raise EvaluationError("`values` wants a map", seen=[value])


@filter_("merge", null=True)
def merge(run: Run, value: Any, items: Any) -> Any:
    """Two lists, two maps, or a list and a map as one; entries of the argument win.

    {{ [1, 2] | merge([3]) }} -> [1,2,3]
    """
    if value is None and items is None:
        raise EvaluationError("`merge` wants at least one list or map", seen=[value, items])
    for side in (value, items):
        if side is not None and not isinstance(side, (list, dict)):
            raise EvaluationError("`merge` wants lists or maps", seen=[value, items])
    if items is None:
        return value
    if value is None:
        return items
    run.grow(len(value) + len(items))
    if isinstance(value, dict):
        return {**value, **(items if isinstance(items, dict) else _by_text(items))}
    if isinstance(items, dict):
        from batuta.expr.kinds import Entry

        return [*value, *(Entry(key, item) for key, item in items.items())]
    return [*value, *items]


def _by_text(items: list[Any]) -> dict[Any, Any]:
    try:
        return {item: item for item in items}
    except TypeError:
        raise EvaluationError("A list or a map cannot be a key", seen=[items]) from None
