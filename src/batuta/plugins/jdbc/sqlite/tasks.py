"""SQL over SQLite databases (plugins spec C1.6)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Found, TriggerContext
from batuta.plugins.jdbc.batch import BatchTask
from batuta.plugins.jdbc.connection import address, zone_of
from batuta.plugins.jdbc.database import BatchDatabase, Database
from batuta.plugins.jdbc.fetching import stored
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

if TYPE_CHECKING:
    from batuta.plugins.jdbc.sqlite.database import SqliteDatabase

SCHEME = "jdbc:sqlite:"
_DATABASE = "database.sqlite"
_IN_MEMORY = ":memory:"


def place_of(url: str | None, folder: Path, *, as_file: bool) -> str | Path:
    """Where the database is: a name is a file of the working directory, nothing is memory.

    Raises:
        TaskError: the address is of another family, or leads out of the working directory.
    """
    place = address(url if url is not None else SCHEME, SCHEME)
    if place.startswith("file:"):
        return place
    name = place.partition("?")[0]
    if name in ("", _IN_MEMORY):
        return folder / _DATABASE if as_file else _IN_MEMORY
    path = Path(name)
    if path.is_absolute():
        return path
    if ".." in path.parts:
        raise TaskError(f"url: `{name}` leads out of the working directory", mend="write the whole path")
    return folder / path


def open_sqlite(place: str | Path, time_zone_id: str | None) -> SqliteDatabase:
    """Connect; in a thread."""
    from batuta.plugins.jdbc.sqlite.database import SqliteDatabase

    return SqliteDatabase(place, zone_of(time_zone_id))


class SqliteTask(SqlTask, kw_only=True):
    """Base of the tasks that run SQL in SQLite."""

    scheme: ClassVar[str] = SCHEME
    queries_type: ClassVar[str] = "io.kestra.plugin.jdbc.sqlite.Queries"

    sqlite_file: Annotated[str | None, Meta(description="URI of a database file to begin with.")] = None
    output_db_file: Annotated[bool, Meta(description="Keep the database file.")] = False
    input_files: Annotated[
        dict[str, Any] | str | None, Meta(description="Files to write first: name to content or URI.")
    ] = None
    output_files: Annotated[list[str], Meta(description="Names of files that the SQL writes.")] = []

    @classmethod
    def own_names(cls, properties: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        """`outputFiles`."""
        return {"outputFiles": places_of(properties, folder, ids.random_id)}

    def place(self, folder: Path) -> str | Path:
        """Where the database is."""
        return place_of(self.url, folder, as_file=self.output_db_file or bool(self.sqlite_file))

    async def prepare(self, ctx: RunContext) -> None:
        """Place the files that the SQL reads."""
        await ctx.files.place(self.input_files)
        if self.sqlite_file:
            place = self.place(ctx.files.working_dir)
            if not isinstance(place, Path) or not place.is_relative_to(ctx.files.working_dir):
                raise TaskError(
                    "`sqliteFile` and a whole path in `url` do not go together",
                    mend="give the file a name, as in `jdbc:sqlite:sales.db`, or leave `url` out",
                )
            await ctx.files.fetch(self.sqlite_file, place)

    def open(self, ctx: RunContext, folder: Path) -> Database:
        """Connect."""
        return open_sqlite(self.place(folder), self.time_zone_id)

    async def database(self, ctx: RunContext) -> str | None:
        """Store the database file, where that is wanted."""
        path = self.place(ctx.files.working_dir)
        wanted = self.output_db_file and isinstance(path, Path) and path.exists()
        return await ctx.files.put(Path(path)) if wanted else None


@plugin("io.kestra.plugin.jdbc.sqlite.Query")
class Query(SqliteTask, kw_only=True):
    """Run SQL in SQLite and keep the last result.

    ```yaml
    id: customers
    type: io.kestra.plugin.jdbc.sqlite.Query
    url: jdbc:sqlite:shop.db
    sqliteFile: "{{ inputs.database }}"
    sql: SELECT * FROM customers WHERE city = :city
    parameters:
      city: Lisbon
    fetchType: FETCH
    ```
    """

    after_sql: AfterSql = msgspec.field(default=None, name="afterSQL")

    async def run(self, ctx: RunContext) -> FilesQueryOutput:
        """Run the statements."""
        result = await single_result(self, ctx, self.after_sql)
        return FilesQueryOutput(
            row=result.row,
            rows=result.rows,
            uri=await stored(ctx, result),
            size=result.size,
            output_files=await written(ctx, self.output_files),
            database_uri=await self.database(ctx),
        )


@plugin("io.kestra.plugin.jdbc.sqlite.Queries")
class Queries(SqliteTask, kw_only=True):
    """Run SQL statements in SQLite, all or nothing, and keep the result of each.

    ```yaml
    id: queries
    type: io.kestra.plugin.jdbc.sqlite.Queries
    sql: |
      CREATE TABLE numbers (n INTEGER);
      INSERT INTO numbers VALUES (1), (2);
      SELECT sum(n) AS total FROM numbers;
    fetchType: FETCH
    outputDbFile: true
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


@plugin("io.kestra.plugin.jdbc.sqlite.Batch")
class Batch(BatchTask, kw_only=True):
    """Write the rows of a row file into SQLite, chunk by chunk.

    ```yaml
    id: write
    type: io.kestra.plugin.jdbc.sqlite.Batch
    url: jdbc:sqlite:/data/shop.db
    from: "{{ outputs.query.uri }}"
    table: orders
    ```
    """

    scheme: ClassVar[str] = SCHEME

    def open_for_rows(self, ctx: RunContext, folder: Path) -> BatchDatabase:
        """Connect."""
        return open_sqlite(place_of(self.url, folder, as_file=False), self.time_zone_id)


@plugin("io.kestra.plugin.jdbc.sqlite.Trigger")
class Trigger(SqlTrigger, kw_only=True):
    """Run SQL in SQLite every now and then, and start the flow when it finds rows.

    The execution sees what `Query` would give: `trigger.rows`, `trigger.row`, `trigger.uri`, `trigger.size`.

    ```yaml
    id: new_orders
    type: io.kestra.plugin.jdbc.sqlite.Trigger
    url: jdbc:sqlite:/data/shop.db
    sql: SELECT * FROM orders WHERE seen = 0
    afterSQL: UPDATE orders SET seen = 1 WHERE seen = 0
    interval: PT1M
    ```
    """

    sqlite_file: Annotated[str | None, Meta(description="URI of a database file to look at.")] = None

    async def poll(self, ctx: TriggerContext) -> Found | None:
        """Look for rows."""
        return await self.look(Query, ctx)
