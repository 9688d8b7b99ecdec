"""Values to loop over: written as a list, a map, or text that renders to one (flow spec §6.6, §6.9)."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta.errors import TaskError
from batuta.plugin.converters import as_text


def listed(values: Any) -> list[Any]:
    """Rendered values as a list; a text must hold a JSON array.

    Raises:
        TaskError: it is something else.
    """
    if isinstance(values, str):
        try:
            values = msgspec.json.decode(values)
        except msgspec.DecodeError:
            raise TaskError(
                f"`values` must be a list or text that is a JSON array, but is `{values[:80]}`",
                mend="an expression gives a list as JSON when it prints a list, as in `{{ outputs.x.rows }}`",
            ) from None
    if isinstance(values, dict):
        return [{"key": key, "value": value} for key, value in values.items()]
    if not isinstance(values, list):
        raise TaskError(f"`values` must be a list, but is `{as_text(values)[:80]}`")
    return values


def texts(values: list[Any], *, complaint: str) -> list[str]:
    """Elements as text, each once, in order.

    Raises:
        TaskError: an element is null; `complaint` may hold `{count}` and `{values}`.
    """
    missing = sum(value is None for value in values)
    if missing:
        raise TaskError(complaint.format(count=missing, values=_shown(values)))
    return list(dict.fromkeys(as_text(value) for value in values))


def _shown(value: Any) -> str:
    """Maps and lists the way the reference prints them in its messages."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    return "null" if value is None else as_text(value)
