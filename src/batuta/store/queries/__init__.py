"""Lists and searches, composed with SQLAlchemy Core; one module per noun. Imported by the first search."""

from __future__ import annotations

from collections.abc import Callable

from batuta.store.port import Search
from batuta.store.queries import executions, flows, kv, logs, triggers
from batuta.store.queries.statement import Query

_COMPOSERS: dict[str, Callable[..., Query]] = {
    "executions": executions.compose,
    "flows": flows.compose,
    "kv": kv.compose,
    "logs": logs.compose,
    "triggers": triggers.compose,
}


def compose(noun: str, search: Search, **parameters: int) -> Query:
    """The statements of a search.

    Raises:
        InvalidRequest: an unknown field, operation or column, or a value that does not suit its field.
    """
    return _COMPOSERS[noun](search, **parameters)
