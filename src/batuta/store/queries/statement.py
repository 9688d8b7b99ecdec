"""Puts a search together: where, in which order, which page; as text and parameters for a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import SQLColumnExpression

from batuta.errors import InvalidRequest
from batuta.store.port import Order, Search
from batuta.store.queries.criteria import Clause

_DIALECT = sqlite.dialect(paramstyle="named")

Columns = Mapping[str, SQLColumnExpression[Any]]


class Query(msgspec.Struct, frozen=True):
    """A search as two statements: how many rows there are, and those of the page."""

    count: str
    count_parameters: dict[str, Any]
    page: str
    page_parameters: dict[str, Any]


def query(
    select_rows: Select[Any],
    where: Clause,
    search: Search,
    noun: str,
    columns: Columns,
    default: Order,
    unique: tuple[SQLColumnExpression[Any], ...],
) -> Query:
    """The statements of a search.

    `unique` decides between rows that are equal in every ordered column, so that no row is on two pages.

    Raises:
        InvalidRequest: it is ordered by an unknown column.
    """
    order = search.order or (default,)
    wanted = [_directed(_column(each.column, columns, noun), each.descending) for each in order]
    wanted += [_directed(column, order[0].descending) for column in unique]
    found = select_rows.where(where)
    count, count_parameters = as_text(found.with_only_columns(func.count(), maintain_column_froms=True))
    page, page_parameters = as_text(found.order_by(*wanted).limit(search.limit).offset(search.offset))
    return Query(count, count_parameters, page, page_parameters)


def _column(name: str, columns: Columns, noun: str) -> SQLColumnExpression[Any]:
    try:
        return columns[name]
    except KeyError:
        raise InvalidRequest(
            f"{noun} cannot be sorted by `{name}`", mend=f"known columns: {', '.join(sorted(columns))}"
        ) from None


def _directed(column: SQLColumnExpression[Any], descending: bool) -> SQLColumnExpression[Any]:
    return column.desc() if descending else column.asc()


def as_text(statement: Select[Any]) -> tuple[str, dict[str, Any]]:
    """A statement as text and parameters for a connection."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(compiled), dict(compiled.params)


__all__ = ["Query", "query", "select"]
