"""Queries: what `Query` and `Queries` of all families have in common (plugins spec C1.2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.task import Output
from batuta.plugins.jdbc.connection import ConnectedTask
from batuta.plugins.jdbc.database import Database
from batuta.plugins.jdbc.fetching import FetchType, Result, count_fetched, fetching, keep, stored
from batuta.plugins.jdbc.session import Session, transaction

AfterSql = Annotated[str | None, Meta(description="Statement to run last, in the same transaction.")]
InOneTransaction = Annotated[bool, Meta(description="All statements in one transaction.")]

Sql = Annotated[str, Meta(description="SQL text.")]
Fetching = Annotated[FetchType, Meta(description="What becomes of the rows.")]
Store = Annotated[bool, Meta(description="Older form of `fetchType: STORE`.")]
Fetch = Annotated[bool, Meta(description="Older form of `fetchType: FETCH`.")]
FetchOne = Annotated[bool, Meta(description="Older form of `fetchType: FETCH_ONE`.")]
FetchSize = Annotated[int, Meta(description="Rows read at a time when storing.", ge=1)]
Parameters = Annotated[dict[str, Any], Meta(description="Values for `:name` in the text.")]


class SqlTask(ConnectedTask, kw_only=True):
    """Base of the tasks that run SQL texts."""

    queries_type: ClassVar[str]
    """The type of the family that keeps all results."""

    sql: Sql
    fetch_type: Fetching = FetchType.NONE
    store: Store = False
    fetch: Fetch = False
    fetch_one: FetchOne = False
    fetch_size: FetchSize = 10_000
    parameters: Parameters = {}

    @property
    def fetching(self) -> FetchType:
        """What becomes of the rows, whichever way it was written."""
        return fetching(
            fetch=self.fetch, fetch_one=self.fetch_one, store=self.store, fetch_type=self.fetch_type
        )

    async def prepare(self, ctx: RunContext) -> None:
        """What has to be in place before the connection is opened."""


async def single_result(
    task: SqlTask,
    ctx: RunContext,
    after_sql: str | None,
    *,
    before_commit: Callable[[Result], None] | None = None,
) -> Result:
    """Run the statements of the task's text, then `after_sql`; what was kept of the text's last result.

    `before_commit` is told the result while the transaction is open, in the thread of the connection; what it
    raises undoes everything.
    """
    texts = [task.sql, after_sql] if after_sql else [task.sql]

    def show(found: list[list[Result]]) -> None:
        if before_commit is not None:
            before_commit(_last(found))

    result = _last(await _run(task, ctx, texts, in_one=after_sql is not None, only_last=True, show=show))
    count_fetched(ctx, task.fetching, result.size or 0)
    return result


def _last(found: list[list[Result]]) -> Result:
    """What the text itself gave, not what followed it."""
    return found[0][-1] if found[0] else Result()


async def all_results(task: SqlTask, ctx: RunContext, after_sql: str | None, *, in_one: bool) -> list[Result]:
    """Run the statements of the task's text, then `after_sql`; what was kept of each result of the text."""
    texts = [task.sql, after_sql] if after_sql else [task.sql]
    results, *_ = await _run(task, ctx, texts, in_one=in_one, only_last=False)
    if task.fetching is FetchType.NONE and results:
        ctx.log.info(f"{len(results)} results were not fetched, for `fetchType` is NONE")
    count_fetched(ctx, task.fetching, sum(result.size or 0 for result in results))
    return results


async def _run(
    task: SqlTask,
    ctx: RunContext,
    texts: list[str],
    *,
    in_one: bool,
    only_last: bool,
    show: Callable[[list[list[Result]]], None] | None = None,
) -> list[list[Result]]:
    """The results of each text."""
    await task.prepare(ctx)
    folder = ctx.files.working_dir
    session: Session[Database] = Session(lambda: task.open(ctx, folder))

    def work(database: Database) -> list[list[Result]]:
        statements = [database.statements(text, task.parameters) for text in texts]
        if only_last and len(statements[0]) > 1:
            ctx.log.warn(
                "The SQL has several statements, of which the last result is kept; "
                f"use {task.queries_type} to keep each"
            )
        own = any(database.controls_transaction(each) for group in statements for each in group)
        with transaction(database, on=in_one and not own):
            found = [_results(database, task, group, folder, session, only_last) for group in statements]
            if show is not None:
                show(found)
            return found

    return await session.run(work)


def _results(
    database: Database,
    task: SqlTask,
    statements: Any,
    folder: Path,
    session: Session[Database],
    only_last: bool,
) -> list[Result]:
    results: list[Result] = []
    for statement in statements:
        session.check()
        found = database.execute(statement, task.parameters, task.fetch_size)
        if found is None:
            continue
        if only_last:
            for earlier in results:
                if earlier.path is not None:
                    earlier.path.unlink()
            results.clear()
        results.append(keep(task.fetching, found, folder))
    return results


class QueryOutput(Output, frozen=True):
    """The result of one query."""

    keep_none: ClassVar[frozenset[str]] = frozenset({"row"})

    row: Annotated[dict[str, Any] | None, Meta(description="The first row, with FETCH_ONE.")] = None
    rows: Annotated[list[dict[str, Any]] | None, Meta(description="All rows, with FETCH.")] = None
    uri: Annotated[str | None, Meta(description="URI of the row file, with STORE.")] = None
    size: Annotated[int | None, Meta(description="Rows that were read; absent without a result.")] = None


class QueriesOutput(Output, frozen=True):
    """The results of several statements."""

    outputs: Annotated[
        list[dict[str, Any]], Meta(description="One entry per result: `row`, `rows` or `uri`, and `size`.")
    ]


async def query_output(ctx: RunContext, result: Result) -> QueryOutput:
    """A result as outputs."""
    return QueryOutput(row=result.row, rows=result.rows, uri=await stored(ctx, result), size=result.size)


async def entries(ctx: RunContext, results: list[Result]) -> list[dict[str, Any]]:
    """Results as entries of `outputs`."""
    found = []
    for result in results:
        values = {
            "row": result.row,
            "rows": result.rows,
            "uri": await stored(ctx, result),
            "size": result.size,
        }
        found.append({name: value for name, value in values.items() if value is not None})
    return found


async def queries_output(ctx: RunContext, results: list[Result]) -> QueriesOutput:
    """Results as outputs."""
    return QueriesOutput(outputs=await entries(ctx, results))
