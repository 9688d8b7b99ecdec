"""Queries that start flows: what `Trigger` of all families has in common (plugins spec C1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from batuta.plugin.outputs import plain_outputs
from batuta.plugin.trigger import Inputs, PollingTrigger, Problem, SourceDown, TriggerContext
from batuta.plugins.jdbc.connection import Password, Pooling, PoolSize, TimeZoneId, Url, Username
from batuta.plugins.jdbc.database import Unreachable
from batuta.plugins.jdbc.fetching import FetchType
from batuta.plugins.jdbc.query import (
    AfterSql,
    Fetch,
    Fetching,
    FetchOne,
    FetchSize,
    Parameters,
    QueryOutput,
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

    async def look(self, query: type[SqlTask], ctx: TriggerContext) -> dict[str, Any] | None:
        """Run the query; its outputs, or None where it found no row."""
        own = {field.name for field in msgspec.structs.fields(query)}
        values = {name: getattr(self, name) for name in self.__struct_fields__ if name in own}
        task = query(**values)
        try:
            result = await single_result(task, ctx, self.after_sql)
        except Unreachable as error:
            raise SourceDown(error.what, where=error.where, mend=error.mend) from None
        if not result.size:
            return None
        output: QueryOutput = await query_output(ctx, result)
        return plain_outputs(output)
