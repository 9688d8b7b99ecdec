"""Queries that start flows: what `Trigger` of all families has in common (plugins spec C1.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from queue import SimpleQueue

import msgspec

from batuta.errors import TaskKilled
from batuta.plugin.trigger import Found, Inputs, PollingTrigger, Problem, SourceDown, TriggerContext
from batuta.plugins.jdbc.connection import Password, Pooling, PoolSize, TimeZoneId, Url, Username
from batuta.plugins.jdbc.database import Unreachable
from batuta.plugins.jdbc.fetching import FetchType, Result
from batuta.plugins.jdbc.query import (
    AfterSql,
    Fetch,
    Fetching,
    FetchOne,
    FetchSize,
    Parameters,
    Sql,
    SqlTask,
    Store,
    query_output,
    single_result,
)


class SqlTrigger(PollingTrigger, kw_only=True):
    """Base of the triggers that look with SQL. The properties are those of the family's `Query`."""

    sql: Sql
    url: Url = None
    username: Username = None
    password: Password = None
    time_zone_id: TimeZoneId = None
    connection_pooling: Pooling = None
    connection_pool_size: PoolSize = None
    fetch_type: Fetching = FetchType.FETCH
    store: Store = False
    fetch: Fetch = False
    fetch_one: FetchOne = False
    fetch_size: FetchSize = 10_000
    parameters: Parameters = {}
    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")
    inputs: Inputs = None

    def problems(self) -> Iterator[Problem]:
        """Without rows there is nothing to start for."""
        if self.fetch_type is FetchType.NONE and not (self.fetch or self.fetch_one or self.store):
            yield Problem(
                "fetchType", "a trigger with NONE never starts anything", "use FETCH, FETCH_ONE or STORE"
            )

    async def look(self, query: type[SqlTask], ctx: TriggerContext) -> Found | None:
        """Run the query; its outputs, or None where it found no row.

        With `afterSQL` the transaction stays open until the execution is there: what was marked or removed is
        so only then, and what no execution has seen is found again.
        """
        own = {field.name for field in msgspec.structs.fields(query)}
        values = {name: getattr(self, name) for name in self.__struct_fields__ if name in own}
        task = query(**values)
        try:
            if self.after_sql:
                return await _held(task, ctx, self.after_sql)
            result = await single_result(task, ctx, None)
        except Unreachable as error:
            raise SourceDown(error.what, where=error.where, mend=error.mend) from None
        return Found(variables=await query_output(ctx, result)) if result.size else None


async def _held(task: SqlTask, ctx: TriggerContext, after_sql: str) -> Found | None:
    loop = asyncio.get_running_loop()
    shown: asyncio.Future[Result] = loop.create_future()
    verdict: SimpleQueue[bool] = SimpleQueue()

    def hold(result: Result) -> None:
        if result.size:
            loop.call_soon_threadsafe(shown.set_result, result)
            if not verdict.get():
                raise TaskKilled("nothing was started, and so nothing is changed")

    running = asyncio.create_task(single_result(task, ctx, after_sql, before_commit=hold))

    async def undo() -> None:
        verdict.put(False)
        if not running.done():
            await asyncio.wait([running])
        if not running.cancelled():
            running.exception()

    async def settle() -> None:
        verdict.put(True)
        await running

    try:
        await asyncio.wait([running, shown], return_when=asyncio.FIRST_COMPLETED)
        if not shown.done():
            await running
            return None
        return Found(variables=await query_output(ctx, shown.result()), settle=settle, release=undo)
    except BaseException:
        await undo()
        raise
