"""SQL in PostgreSQL (plugins spec C1.2, C1.7)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Found, TriggerContext
from batuta.plugins.jdbc.database import Database
from batuta.plugins.jdbc.postgresql.connected import EXTRA, SCHEME, open_postgres
from batuta.plugins.jdbc.postgresql.connecting import Cert, Key, KeyPassword, Mode, RootCert, Ssl
from batuta.plugins.jdbc.query import (
    AfterSql,
    InOneTransaction,
    QueriesOutput,
    QueryOutput,
    SqlTask,
    all_results,
    queries_output,
    query_output,
    single_result,
)
from batuta.plugins.jdbc.trigger import SqlTrigger


class PostgresSqlTask(SqlTask, kw_only=True):
    """Base of the tasks that run SQL in PostgreSQL."""

    extra: ClassVar[str | None] = EXTRA
    scheme: ClassVar[str] = SCHEME
    queries_type: ClassVar[str] = "io.kestra.plugin.jdbc.postgresql.Queries"

    ssl: Ssl = None
    ssl_mode: Mode = None
    ssl_root_cert: RootCert = None
    ssl_cert: Cert = None
    ssl_key: Key = None
    ssl_key_password: KeyPassword = None

    def open(self, ctx: RunContext, folder: Path) -> Database:
        """Connect."""
        return open_postgres(self, ctx, folder)


@plugin("io.kestra.plugin.jdbc.postgresql.Query")
class Query(PostgresSqlTask, kw_only=True):
    """Run a statement in PostgreSQL and keep its result.

    `STORE` writes the rows into a file of the internal storage as they arrive; results of any size fit.

    ```yaml
    id: trips
    type: io.kestra.plugin.jdbc.postgresql.Query
    url: jdbc:postgresql://localhost:5432/ny_taxi
    username: root
    password: "{{ secret('POSTGRES_PASSWORD') }}"
    sql: SELECT * FROM trips WHERE day >= :since
    parameters:
      since: "2024-01-01"
    fetchType: STORE
    ```
    """

    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")

    async def run(self, ctx: RunContext) -> QueryOutput:
        """Run the statement."""
        return await query_output(ctx, await single_result(self, ctx, self.after_sql))


@plugin("io.kestra.plugin.jdbc.postgresql.Queries")
class Queries(PostgresSqlTask, kw_only=True):
    """Run SQL statements in PostgreSQL, all or nothing, and keep the result of each.

    ```yaml
    id: merge
    type: io.kestra.plugin.jdbc.postgresql.Queries
    url: jdbc:postgresql://localhost:5432/ny_taxi
    username: root
    password: "{{ secret('POSTGRES_PASSWORD') }}"
    sql: |
      INSERT INTO trips SELECT * FROM trips_staging;
      TRUNCATE trips_staging;
      SELECT count(*) AS count FROM trips;
    fetchType: FETCH_ONE
    ```
    """

    transaction: InOneTransaction = True
    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")

    async def run(self, ctx: RunContext) -> QueriesOutput:
        """Run the statements."""
        return await queries_output(
            ctx, await all_results(self, ctx, self.after_sql, in_one=self.transaction)
        )


@plugin("io.kestra.plugin.jdbc.postgresql.Trigger")
class Trigger(SqlTrigger, kw_only=True):
    """Run SQL in PostgreSQL every now and then, and start the flow when it finds rows.

    The execution sees what `Query` would give: `trigger.rows`, `trigger.row`, `trigger.uri`, `trigger.size`.
    `afterSQL` runs in the same transaction, and can mark or remove what was found, so that it is found once.

    ```yaml
    id: new_orders
    type: io.kestra.plugin.jdbc.postgresql.Trigger
    url: jdbc:postgresql://localhost:5432/shop
    username: root
    password: "{{ secret('POSTGRES_PASSWORD') }}"
    sql: SELECT * FROM orders WHERE seen IS NULL FOR UPDATE
    afterSQL: UPDATE orders SET seen = now() WHERE seen IS NULL
    interval: PT1M
    ```
    """

    extra: ClassVar[str | None] = EXTRA

    ssl: Ssl = None
    ssl_mode: Mode = None
    ssl_root_cert: RootCert = None
    ssl_cert: Cert = None
    ssl_key: Key = None
    ssl_key_password: KeyPassword = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Look for rows."""
        return await self.look(Query, ctx)
