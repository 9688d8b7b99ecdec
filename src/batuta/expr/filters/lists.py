"""Filters of lists. `sort`, `rsort` and `reverse` change the list in place, as the reference does."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from batuta.expr.budget import Nodes
from batuta.expr.catalogue import filter_
from batuta.expr.errors import EvaluationError
from batuta.expr.filters.text import need_integer
from batuta.expr.kinds import Array, BigInteger, Char, int_kind, type_name
from batuta.expr.printing import plain_text
from batuta.expr.run import Run
from batuta.expr.values import identity


def need_list(value: Any, name: str) -> list[Any]:
    """`value` when it is a list; what `split` gives is none."""
    if not isinstance(value, list) or type(value) is Array:
        raise EvaluationError(f"The filter `{name}` wants a list", expected="List", seen=[value])
    return value


@filter_("first")
def first(value: Any) -> Any:
    """The first element of a list or character of a text; null of an empty list.

    {{ [1, 2, 3] | first }} -> 1
    """
    return _end(value, 0, "first")


@filter_("last")
def last(value: Any) -> Any:
    """The last element of a list or character of a text; null of an empty list.

    {{ [1, 2, 3] | last }} -> 3
    """
    return _end(value, -1, "last")


def _end(value: Any, index: int, name: str) -> Any:
    if isinstance(value, list):
        return value[index] if value else None
    if type(value) is str:
        if not value:
            raise EvaluationError(f"An empty text has no {name} character")
        return Char(value[index])
    raise EvaluationError(f"The filter `{name}` wants a list or a text", seen=[value])


@filter_("join")
def join(run: Run, value: Any, separator: Any = None) -> str:
    """The elements of a list as one text, with `separator` between them.

    {{ ['a', 'b'] | join(', ') }} -> a, b
    """
    if not isinstance(value, list):
        raise EvaluationError("The filter `join` wants a list", expected="List", seen=[value])
    mark = "" if separator is None else plain_text(separator)
    pieces = []
    total = 0
    for item in value:
        piece = "null" if item is None else plain_text(item)
        total += len(piece) + len(mark)
        run.fits(total)
        pieces.append(piece)
    return mark.join(pieces)


@filter_("length", null=True)
def length(value: Any) -> int:
    """How many characters, elements or entries; 0 of anything else.

    {{ [1, 2, 3] | length }} -> 3
    """
    return len(value) if isinstance(value, (list, dict)) or type(value) is str else 0


@filter_("slice")
def slice_(value: Any, from_index: Any = 0, to_index: Any = None) -> Any:
    """A part of a list or a text, from `fromIndex` (included) to `toIndex` (excluded), counted from 0.

    {{ 'abcd' | slice(1, 3) }} -> bc
    """
    if not isinstance(value, (str, list)) or type(value) is Char:
        raise EvaluationError("The filter `slice` wants a list or a text", seen=[value])
    size = len(value)
    start = 0 if from_index is None else need_integer(from_index, "slice", "fromIndex")
    end = size if to_index is None else need_integer(to_index, "slice", "toIndex")
    if start < 0 or start > size:
        raise EvaluationError(f"`fromIndex` of `slice` must be between 0 and {size}", seen=[from_index])
    if to_index is not None and (end > size or end <= start):
        raise EvaluationError(
            f"`toIndex` of `slice` must be above `fromIndex` and at most {size}", seen=[to_index]
        )
    return value[start:end]


@filter_("reverse")
def reverse(run: Run, value: Any) -> list[Any]:
    """The list backwards; the variable changes too.

    {{ [1, 2, 3] | reverse }} -> [3,2,1]
    """
    target = run.mutable(need_list(value, "reverse"))
    target.reverse()
    return target


@filter_("sort")
def sort(run: Run, value: Any) -> list[Any]:
    """The list in natural order; the variable changes too. Elements must be of one type.

    {{ [3, 1, 2] | sort }} -> [1,2,3]
    """
    return _sorted(run, value, "sort", backwards=False)


@filter_("rsort")
def rsort(run: Run, value: Any) -> list[Any]:
    """The list in natural order, the greatest first; the variable changes too.

    {{ [3, 1, 2] | rsort }} -> [3,2,1]
    """
    return _sorted(run, value, "rsort", backwards=True)


def _sorted(run: Run, value: Any, name: str, *, backwards: bool) -> list[Any]:
    items = need_list(value, name)
    target = run.mutable(items)
    if len(items) > 1:
        run.steps -= len(items) // 8
        target.sort(key=_sort_key(items, name), reverse=backwards)
    elif any(isinstance(item, (list, dict)) for item in items):
        return target
    return target


def _sort_key(items: list[Any], name: str) -> Callable[[Any], Any] | None:
    kinds = {int_kind(item) if isinstance(item, int) else type(item) for item in items}
    if len(kinds) != 1 or (not kinds <= _COMPARABLE and bool not in kinds):
        names = ", ".join(sorted({type_name(item) for item in items[:100]}))
        raise EvaluationError(
            f"The filter `{name}` wants elements of one type that has an order", seen=[names]
        )
    if str in kinds and not all(item.isascii() for item in items):
        return lambda item: item.encode("utf-16-be", "surrogatepass")
    return None


def _comparable() -> frozenset[type]:
    from datetime import date, datetime, timedelta

    from batuta.expr.kinds import Float, Long

    return frozenset(
        {int, Long, BigInteger, float, Float, Decimal, str, Char, bool, datetime, date, timedelta}
    )


_COMPARABLE = _comparable()


@filter_("chunk")
def chunk(value: Any, size: Any) -> list[list[Any]]:
    """The list cut into lists of `size` elements; the last may be shorter.

    {{ [1, 2, 3] | chunk(2) }} -> [[1,2],[3]]
    """
    items = need_list(value, "chunk")
    count = need_integer(size, "chunk", "size")
    if count < 1:
        raise EvaluationError("`size` of `chunk` must be at least 1", seen=[size])
    return [items[start : start + count] for start in range(0, len(items), count)]


@filter_("flatten")
def flatten(run: Run, value: Any) -> list[Any]:
    """The elements of lists inside the list, one level.

    {{ [[1, 2], [3]] | flatten }} -> [1,2,3]
    """
    result: list[Any] = []
    for item in need_list(value, "flatten"):
        if isinstance(item, list):
            run.grow(len(item))
            result.extend(item)
        else:
            result.append(item)
    return result


@filter_("distinct", null=True)
def distinct(value: Any) -> Any:
    """The list without repetitions, the first of each kept; types matter. Null gives the text `null`.

    {{ ['1', '1', '2'] | distinct }} -> ["1","2"]
    """
    if value is None:
        return "null"
    seen: dict[Any, Any] = {}
    nodes = Nodes(300_000)
    for item in need_list(value, "distinct"):
        seen.setdefault(identity(item, 0, nodes), item)
    return list(seen.values())
