"""Rows for charts in SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batuta.model.charts import FIELDS, Aggregate, ChartColumn, Dataset, FieldKind
from batuta.store.port import ChartQuery, Page
from batuta.store.sqlite.access import Access
from batuta.store.sqlite.rows import instant

if TYPE_CHECKING:
    from batuta.store.queries.statement import Query


class SqliteCharts:
    """See `batuta.store.port.Charts`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def rows(self, query: ChartQuery) -> Page[dict[str, Any]]:
        """The rows by the keys of their columns, and how many there are in all."""
        instants = [_is_instant(query.dataset, column) for column in query.columns]

        def made() -> Query:
            from batuta.store.queries import charts  # imports SQLAlchemy

            return charts.compose(query)

        def result_of(row: Any) -> dict[str, Any]:
            return {
                column.key: instant(value) if is_instant and value is not None else value
                for column, is_instant, value in zip(query.columns, instants, row, strict=True)
            }

        return await self._access.page(made, query.offset, query.limit, result_of)


def _is_instant(dataset: Dataset, column: ChartColumn) -> bool:
    if column.field is None or FIELDS[dataset][column.field] is not FieldKind.INSTANT:
        return False
    return column.aggregate in (None, Aggregate.MIN, Aggregate.MAX)
