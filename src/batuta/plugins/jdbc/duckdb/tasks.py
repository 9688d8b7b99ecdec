"""SQL over files and DuckDB databases (plugins spec C1.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Found, TriggerContext
from batuta.plugins.jdbc.connection import zone_of
from batuta.plugins.jdbc.database import Database
from batuta.plugins.jdbc.fetching import Result, stored
from batuta.plugins.jdbc.files import FilesQueriesOutput, FilesQueryOutput, places_of, written
from batuta.plugins.jdbc.query import (
    AfterSql,
    InOneTransaction,
    SqlTask,
    all_results,
    entries,
    single_result,
)
from batuta.plugins.jdbc.trigger import SqlTrigger

_DATABASE = "database.duckdb"
_WITH_FILE_NAME = re.compile(r"filename\s*=\s*(?:true|1)", re.IGNORECASE)


class DuckDbTask(SqlTask, kw_only=True):
    """Base of the DuckDB tasks."""

    extra: ClassVar[str | None] = "duckdb"
    scheme: ClassVar[str] = "jdbc:duckdb:"
    queries_type: ClassVar[str] = "io.kestra.plugin.jdbc.duckdb.Queries"

    input_files: Annotated[
        dict[str, Any] | str | None, Meta(description="Files to write first: name to content or URI.")
    ] = None
    output_files: Annotated[list[str], Meta(description="Names of files that the SQL writes.")] = []
    database_uri: Annotated[str | None, Meta(description="URI of a database file to begin with.")] = None
    output_db_file: Annotated[bool, Meta(description="Keep the database file.")] = False
    community_extensions: Annotated[
        list[str], Meta(description="Extensions of the community to install and load first.")
    ] = []

    @classmethod
    def own_names(cls, properties: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """`outputFiles` and `dbFilePath`."""
        places = places_of(properties, folder, ids.random_id)
        return {"outputFiles": places, "dbFilePath": str(folder / _DATABASE)}

    async def prepare(self, ctx: RunContext) -> None:
        """Place the files that the SQL reads."""
        await ctx.files.place(self.input_files)
        if self.database_uri:
            await ctx.files.fetch(self.database_uri, ctx.files.working_dir / _DATABASE)

    def open(self, ctx: RunContext, folder: Path) -> Database:
        """Connect."""
        from batuta.plugins.jdbc.duckdb.database import DuckDbDatabase

        database = DuckDbDatabase(
            self._place(folder),
            folder=folder,
            zone=zone_of(self.time_zone_id),
            short_file_names=_WITH_FILE_NAME.search(self.sql) is not None,
        )
        database.load(self.community_extensions, ctx.log)
        return database

    async def database(self, ctx: RunContext) -> str | None:
        """Store the database file, where that is wanted."""
        path = ctx.files.working_dir / _DATABASE
        return await ctx.files.put(path) if self.output_db_file and path.exists() else None

    def _place(self, folder: Path) -> str:
        address = self.address("jdbc:duckdb:").partition(";")[0]
        if not address:
            return str(folder / _DATABASE)
        if address.startswith(("md:", ":memory:")):
            return address
        if not Path(address).is_absolute():
            raise TaskError(
                f"url: `{address}` is a relative path",
                mend="write the whole path, as in `jdbc:duckdb:/data/sales.db`, or leave `url` out",
            )
        return address


@plugin("io.kestra.plugin.jdbc.duckdb.Query")
class Query(DuckDbTask, kw_only=True):
    """Run SQL in DuckDB and keep the last result.

    ```yaml
    id: average
    type: io.kestra.plugin.jdbc.duckdb.Query
    inputFiles:
      products.json: "{{ inputs.products }}"
    sql: SELECT brand, avg(price) AS price FROM read_json_auto('products.json') GROUP BY brand
    fetchType: STORE
    ```
    """

    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")

    async def run(self, ctx: RunContext) -> FilesQueryOutput:
        """Run the statements."""
        result: Result = await single_result(self, ctx, self.after_sql)
        return FilesQueryOutput(
            row=result.row,
            rows=result.rows,
            uri=await stored(ctx, result),
            size=result.size,
            output_files=await written(ctx, self.output_files),
            database_uri=await self.database(ctx),
        )


@plugin("io.kestra.plugin.jdbc.duckdb.Queries")
class Queries(DuckDbTask, kw_only=True):
    """Run SQL statements in DuckDB and keep the result of each.

    ```yaml
    id: queries
    type: io.kestra.plugin.jdbc.duckdb.Queries
    sql: |
      CREATE TABLE numbers AS SELECT * FROM range(10) t(n);
      SELECT count(*) AS count FROM numbers;
    fetchType: FETCH
    ```
    """

    transaction: InOneTransaction = True
    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")

    async def run(self, ctx: RunContext) -> FilesQueriesOutput:
        """Run the statements."""
        results = await all_results(self, ctx, self.after_sql, in_one=self.transaction)
        return FilesQueriesOutput(
            outputs=await entries(ctx, results),
            output_files=await written(ctx, self.output_files),
            database_uri=await self.database(ctx),
        )


@plugin("io.kestra.plugin.jdbc.duckdb.Trigger")
class Trigger(SqlTrigger, kw_only=True):
    """Run SQL in DuckDB every now and then, and start the flow when it finds rows.

    The execution sees what `Query` would give: `trigger.rows`, `trigger.row`, `trigger.uri`, `trigger.size`.

    ```yaml
    id: late_orders
    type: io.kestra.plugin.jdbc.duckdb.Trigger
    url: jdbc:duckdb:/data/sales.db
    sql: SELECT * FROM orders WHERE shipped IS NULL
    interval: PT5M
    ```
    """

    extra: ClassVar[str | None] = "duckdb"

    input_files: Annotated[
        dict[str, Any] | str | None, Meta(description="Files to write first: name to content or URI.")
    ] = None
    community_extensions: Annotated[
        list[str], Meta(description="Extensions of the community to install and load first.")
    ] = []

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Look for rows."""
        return await self.look(Query, ctx)
