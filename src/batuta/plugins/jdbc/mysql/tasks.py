"""SQL in MySQL (plugins spec C1.2, C1.5 to C1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Found, TriggerContext
from batuta.plugins.jdbc.batch import BatchTask
from batuta.plugins.jdbc.connection import ConnectedTask
from batuta.plugins.jdbc.database import BatchDatabase, Database
from batuta.plugins.jdbc.mysql.connecting import access, without_kind
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
from batuta.plugins.jdbc.url import parse

if TYPE_CHECKING:
    from batuta.plugins.jdbc.mysql.database import MysqlDatabase

EXTRA = "mysql"
SCHEME = "jdbc:mysql:"
_INPUT = "input.data"


def open_mysql(task: ConnectedTask, ctx: RunContext, *, local_files: bool = False) -> MysqlDatabase:
    """Connect; in a thread.

    Raises:
        TaskError: there is nobody at the address, or the login is refused.
    """
    url = parse(without_kind(task.address()), task.scheme)
    found = access(url, username=task.username, password=task.password, local_files=local_files)
    # The library is imported by whoever first connects.
    from batuta.plugins.jdbc.mysql.database import MysqlDatabase

    return MysqlDatabase(found, ctx.log, run_id=ctx.identity.task_run_id)


class MysqlSqlTask(SqlTask, kw_only=True):
    """Base of the tasks that run SQL in MySQL."""

    extra: ClassVar[str | None] = EXTRA
    scheme: ClassVar[str] = SCHEME
    queries_type: ClassVar[str] = "io.kestra.plugin.jdbc.mysql.Queries"

    input_file: Annotated[
        str | None,
        Meta(description="URI of a file for `LOAD DATA LOCAL INFILE '{{ inputFile }}'`."),
    ] = None

    @classmethod
    def own_names(cls, properties: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """`inputFile`: where the file will be."""
        return {"inputFile": str(folder / _INPUT)} if properties.get("inputFile") else {}

    async def prepare(self, ctx: RunContext) -> None:
        """Place the file that the SQL loads."""
        if self.input_file:
            await ctx.files.fetch(self.input_file, ctx.files.working_dir / _INPUT)

    def open(self, ctx: RunContext, folder: Path) -> Database:
        """Connect."""
        return open_mysql(self, ctx, local_files=bool(self.input_file))


@plugin("io.kestra.plugin.jdbc.mysql.Query")
class Query(MysqlSqlTask, kw_only=True):
    """Run a statement in MySQL and keep its result.

    ```yaml
    id: orders
    type: io.kestra.plugin.jdbc.mysql.Query
    url: jdbc:mysql://localhost:3306/shop
    username: root
    password: "{{ secret('MYSQL_PASSWORD') }}"
    sql: SELECT * FROM orders WHERE day >= :since
    parameters:
      since: "2024-01-01"
    fetchType: STORE
    ```
    """

    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")

    async def run(self, ctx: RunContext) -> QueryOutput:
        """Run the statement."""
        return await query_output(ctx, await single_result(self, ctx, self.after_sql))


@plugin("io.kestra.plugin.jdbc.mysql.Queries")
class Queries(MysqlSqlTask, kw_only=True):
    """Run SQL statements in MySQL, all or nothing, and keep the result of each.

    Statements that define something, such as `CREATE TABLE`, end a transaction of MySQL.

    ```yaml
    id: load
    type: io.kestra.plugin.jdbc.mysql.Queries
    url: jdbc:mysql://localhost:3306/shop
    username: root
    password: "{{ secret('MYSQL_PASSWORD') }}"
    inputFile: "{{ inputs.file }}"
    sql: |
      LOAD DATA LOCAL INFILE '{{ inputFile }}' INTO TABLE orders FIELDS TERMINATED BY ',' IGNORE 1 LINES;
      SELECT count(*) AS count FROM orders;
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


@plugin("io.kestra.plugin.jdbc.mysql.Batch")
class Batch(BatchTask, kw_only=True):
    """Write the rows of a row file into MySQL, chunk by chunk.

    ```yaml
    id: write
    type: io.kestra.plugin.jdbc.mysql.Batch
    url: jdbc:mysql://localhost:3306/shop
    username: root
    password: "{{ secret('MYSQL_PASSWORD') }}"
    from: "{{ outputs.query.uri }}"
    table: orders
    ```
    """

    extra: ClassVar[str | None] = EXTRA
    scheme: ClassVar[str] = SCHEME

    def open_for_rows(self, ctx: RunContext, folder: Path) -> BatchDatabase:
        """Connect."""
        return open_mysql(self, ctx)


@plugin("io.kestra.plugin.jdbc.mysql.Trigger")
class Trigger(SqlTrigger, kw_only=True):
    """Run SQL in MySQL every now and then, and start the flow when it finds rows.

    The execution sees what `Query` would give: `trigger.rows`, `trigger.row`, `trigger.uri`, `trigger.size`.

    ```yaml
    id: new_orders
    type: io.kestra.plugin.jdbc.mysql.Trigger
    url: jdbc:mysql://localhost:3306/shop
    username: root
    password: "{{ secret('MYSQL_PASSWORD') }}"
    sql: SELECT * FROM orders WHERE seen = 0 FOR UPDATE
    afterSQL: UPDATE orders SET seen = 1 WHERE seen = 0
    interval: PT1M
    ```
    """

    extra: ClassVar[str | None] = EXTRA

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Look for rows."""
        return await self.look(Query, ctx)
