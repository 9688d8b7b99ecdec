"""`a.b` and `a[b]`: keys of maps and places of lists, nothing of a Python object (spec §4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from batuta.expr.errors import EvaluationError, UndefinedError
from batuta.expr.kinds import Entry, Float, int_kind, is_number, to_float
from batuta.expr.printing import text
from batuta.expr.run import Run

_ROOT_NAMES = (
    "inputs",
    "outputs",
    "vars",
    "flow",
    "execution",
    "task",
    "taskrun",
    "trigger",
    "labels",
    "namespace",
    "envs",
    "globals",
    "tasks",
    "parent",
    "parents",
    "error",
    "item",
    "loop",
)
"""Variables that contexts usually have; the names of a context are not listed, because it may be lazy."""


def missing_variable(run: Run, name: str, at: int) -> UndefinedError:
    """The error for a variable that is nowhere."""
    known = [root for root in _ROOT_NAMES if root in run.names]
    known += [local for local in run.locals if local not in known]
    return UndefinedError(name, offset=at, known=known)


def attribute(run: Run, owner: Any, key: str, at: int, variable: str | None, path: tuple[str, ...]) -> Any:
    """`owner.key`, where `variable` and `path` say how the owner was reached."""
    if isinstance(owner, dict):
        if key in owner:
            value = owner[key]
            return value if run.is_plain else run.current(value)
        prefix = ".".join((variable, *path)) + "." if variable else ""
        raise UndefinedError(key, offset=at, known=list(owner), prefix=prefix)
    if isinstance(owner, list):
        index = _index(key)
        if index is not None and index < len(owner):
            return run.current(owner[index])
        raise UndefinedError(key, offset=at)
    if isinstance(owner, Entry) and key in ("key", "value"):
        return run.current(owner.value if key == "value" else owner.key)
    if owner is None and variable is not None and not path:
        raise UndefinedError(variable, offset=at)
    raise UndefinedError(key, offset=at)


def subscript(run: Run, owner: Any, key: Any, at: int, variable: str | None) -> Any:
    """`owner[key]` for a key that is not a text."""
    if isinstance(owner, dict):
        if is_number(key):
            if not owner:
                raise UndefinedError(text(key), offset=at)
            key = _like_first_key(owner, key)
            if key not in owner:
                raise UndefinedError(text(key), offset=at)
            return run.current(owner[key])
        return attribute(run, owner, "null" if key is None else text(key), at, variable, ())
    if isinstance(owner, list) and isinstance(key, int) and not isinstance(key, bool):
        if 0 <= key < len(owner):
            return run.current(owner[key])
        raise UndefinedError(str(int(key)), offset=at)
    return attribute(run, owner, "null" if key is None else text(key), at, variable, ())


def _index(key: str) -> int | None:
    return int(key) if key.isascii() and key.isdigit() and len(key) < 12 else None


def _like_first_key(owner: dict[Any, Any], key: Any) -> Any:
    """`key` as the type of the map's first key."""
    first = next(iter(owner))
    if isinstance(first, bool) or not is_number(first):
        raise EvaluationError(
            "A number cannot be a key of this map", expected="a text in quotes, such as `m['1']`", seen=[key]
        )
    try:
        if isinstance(first, int):
            kind = int_kind(first)
            return kind(int(key)) if kind is not int else int(key)
        if isinstance(first, Decimal):
            return Decimal(str(key))
        return to_float(float(key)) if type(first) is Float else float(key)
    except (OverflowError, ValueError):
        raise EvaluationError("A number cannot be a key of this map", seen=[key]) from None
