"""SQL over files and DuckDB databases (plugins spec C1.6)."""

from __future__ import annotations

import asyncio
import importlib
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from batuta import ids
from batuta.errors import TaskError, TaskKilled
from batuta.plugin.context import RunContext, TaskLog
from batuta.plugin.registry import plugin
from batuta.plugins.jdbc.query import (
    FetchType,
    QueriesOutput,
    QueryOutput,
    Result,
    SqlTask,
    count_fetched,
    keep,
    stored,
    with_marks,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement

T = TypeVar("T")

_DATABASE = "database.duckdb"
_INSTALL = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:FORCE\s+)?INSTALL\s+'?(\w+)'?\s*;?\s*", re.I | re.S)
_WITH_FILE_NAME = re.compile(r"filename\s*=\s*(?:true|1)", re.IGNORECASE)
_STOP_SECONDS = 0.05
_MOST_STOPS = 200
_locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
"""One writer per database file."""


class DuckDbTask(SqlTask, kw_only=True):
    """Base of the DuckDB tasks."""

    extra: ClassVar[str | None] = "duckdb"
    scheme: ClassVar[str] = "jdbc:duckdb:"

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
        declared = properties.get("outputFiles")
        names = [each for each in declared if isinstance(each, str)] if isinstance(declared, list) else []
        places = {name: str(folder / f"{ids.random_id()}-{Path(name).name}") for name in names}
        return {"outputFiles": places, "dbFilePath": str(folder / _DATABASE)}

    async def perform(self, ctx: RunContext, *, transaction: bool, texts: list[str]) -> list[Result]:
        """Run the statements of the texts in order; one result per statement that has one."""
        duckdb = await asyncio.to_thread(importlib.import_module, "duckdb")
        folder = ctx.files.working_dir
        await ctx.files.place(self.input_files)
        database = self._database(folder)
        if self.database_uri:
            await ctx.files.fetch(self.database_uri, folder / _DATABASE)
        session = Session(self, ctx.log, folder, transaction=transaction)
        try:
            return await in_thread(lambda: session.run(duckdb.connect, database, texts), session.stop)
        except duckdb.Error as error:
            raise TaskError(str(error)) from None

    async def files(self, ctx: RunContext) -> dict[str, str] | None:
        """Store the files that the SQL wrote."""
        if not self.output_files:
            return None
        places = ctx.names["outputFiles"]
        written = {name: Path(places[name]) for name in self.output_files if name in places}
        return {name: await ctx.files.put(path, name) for name, path in written.items() if path.exists()}

    async def database(self, ctx: RunContext) -> str | None:
        """Store the database file, where that is wanted."""
        path = ctx.files.working_dir / _DATABASE
        return await ctx.files.put(path) if self.output_db_file and path.exists() else None

    def _database(self, folder: Path) -> str:
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


class Session:
    """One connection and what is done with it, on a thread of its own."""

    def __init__(self, task: DuckDbTask, log: TaskLog, folder: Path, *, transaction: bool) -> None:
        self._task = task
        self._log = log
        self._folder = folder
        self._transaction = transaction
        self._zone: tzinfo = zone_of(task.time_zone_id)
        self._connection: DuckDBPyConnection | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the running statement, and begin no other; from any thread, and as often as one likes."""
        self._stopped = True
        connection = self._connection
        if connection is not None:
            # The other thread may close it at this very moment.
            with suppress(Exception):
                connection.interrupt()

    def run(
        self, connect: Callable[[str], DuckDBPyConnection], database: str, texts: list[str]
    ) -> list[Result]:
        """Connect, run everything, disconnect."""
        with ExitStack() as stack:
            if not database.startswith((":memory:", "md:")):
                stack.enter_context(_locks[database])
            self._connection = connection = connect(database)
            stack.callback(self._disconnect)
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"SET file_search_path = {literal(str(self._folder))}")
            connection.execute(f"SET temp_directory = {literal(str(self._folder / '.duckdb'))}")
            for extension in self._task.community_extensions:
                self._load(connection, extension)
            marked = [with_marks(text, self._task.parameters, "$") for text in texts]
            statements = [each for text in marked for each in connection.extract_statements(text)]
            if len(statements) > len(texts) and isinstance(self._task, Query):
                self._log.warn(
                    "The SQL has several statements, of which the last result is kept; "
                    "use io.kestra.plugin.jdbc.duckdb.Queries to keep each"
                )
            own = any(each.type.name == "TRANSACTION" for each in statements)
            if not self._transaction or own:
                return list(self._results(connection, statements))
            connection.execute("BEGIN")
            try:
                results = list(self._results(connection, statements))
                connection.execute("COMMIT")
            except BaseException:
                with suppress(Exception):
                    connection.execute("ROLLBACK")
                raise
            return results

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _results(self, connection: DuckDBPyConnection, statements: list[Statement]) -> Iterator[Result]:
        for statement in statements:
            if self._stopped:
                raise TaskKilled("stopped between two statements")
            install = _INSTALL.fullmatch(statement.query)
            if install and self._is_built_in(connection, install[1]):
                continue
            parameters = self._task.parameters
            values = {name: parameters[name] for name in statement.named_parameters if name in parameters}
            connection.execute(statement, values) if values else connection.execute(statement)
            columns = [(column[0], str(column[1])) for column in connection.description or ()]
            if has_result(statement, columns):
                yield self._kept(connection, columns)

    def _kept(self, connection: DuckDBPyConnection, columns: list[tuple[str, str]]) -> Result:
        names = [name for name, _ in columns]
        changes = {place: change for place, column in enumerate(columns) if (change := self._change(*column))}

        def batches() -> Iterator[list[tuple[Any, ...]]]:
            while batch := connection.fetchmany(self._task.fetch_size):
                if not changes:
                    yield batch
                    continue
                yield [
                    tuple(
                        changes[place](value) if place in changes and value is not None else value
                        for place, value in enumerate(row)
                    )
                    for row in batch
                ]

        return keep(self._task.fetching, names, batches(), self._folder)

    def _change(self, name: str, kind: str) -> Callable[[Any], Any] | None:
        """How values of a column become those of plugins spec C1.3; None for as they are."""
        if name == "filename" and _WITH_FILE_NAME.search(self._task.sql):
            prefix = f"{self._folder}/"
            return lambda value: str(value).removeprefix(prefix)
        if kind == "JSON":
            return msgspec.json.decode
        if kind in ("HUGEINT", "UHUGEINT", "UUID"):
            return str
        if kind == "TIMESTAMP WITH TIME ZONE":
            return lambda value: value.astimezone(UTC)
        if kind.startswith("TIMESTAMP") and "[" not in kind:
            return lambda value: value.replace(tzinfo=self._zone) if isinstance(value, datetime) else value
        return None

    def _is_built_in(self, connection: DuckDBPyConnection, extension: str) -> bool:
        """The extension is there already, and there is nothing to get from the network."""
        found = connection.execute(
            "SELECT installed OR loaded FROM duckdb_extensions() WHERE extension_name = $name",
            {"name": extension.lower()},
        ).fetchone()
        return bool(found and found[0])

    def _load(self, connection: DuckDBPyConnection, extension: str) -> None:
        import duckdb

        try:
            connection.execute(f"INSTALL {extension} FROM community")
            connection.execute(f"LOAD {extension}")
        except duckdb.Error as error:
            self._log.warn(f"The extension `{extension}` could not be loaded: {error}")


def has_result(statement: Statement, columns: list[tuple[str, str]]) -> bool:
    """The statement gave rows of its own, not only a number of changes or a note of success."""
    kinds = {kind.name for kind in statement.expected_result_type}
    if "QUERY_RESULT" not in kinds or not columns:
        return False
    if statement.type.name in ("SELECT", "EXPLAIN", "EXECUTE"):
        return True
    return columns not in ([("Count", "BIGINT")], [("Success", "BOOLEAN")])


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def zone_of(name: str | None) -> tzinfo:
    """A zone by name; UTC when none is given."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise TaskError(
            f"timeZoneId: `{name}` is not a time zone", mend="use a name such as Europe/Paris"
        ) from None


async def in_thread(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """Run blocking work in a thread. A cancelled caller calls `stop` until the work has ended.

    Once would not do: an interrupt between two statements stops neither.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        for _ in range(_MOST_STOPS):
            if running.done():
                break
            stop()
            await asyncio.wait([running], timeout=_STOP_SECONDS)
        raise


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

    after_sql: Annotated[str | None, Meta(description="Statement to run last, in the same transaction.")] = (
        msgspec.field(default=None, name="afterSQL")
    )

    async def run(self, ctx: RunContext) -> QueryOutput:
        """Run the statements."""
        texts = [self.sql, self.after_sql] if self.after_sql else [self.sql]
        results = await self.perform(ctx, transaction=self.after_sql is not None, texts=texts)
        result = results[-1] if results else Result()
        for earlier in results[:-1]:
            if earlier.path is not None:
                earlier.path.unlink()
        count_fetched(ctx, self.fetching, result.size or 0)
        return QueryOutput(
            row=result.row,
            rows=result.rows,
            uri=await stored(ctx, result),
            size=result.size,
            output_files=await self.files(ctx),
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

    transaction: Annotated[bool, Meta(description="All statements in one transaction.")] = True

    async def run(self, ctx: RunContext) -> QueriesOutput:
        """Run the statements."""
        results = await self.perform(ctx, transaction=self.transaction, texts=[self.sql])
        if self.fetching is FetchType.NONE and results:
            ctx.log.info(f"{len(results)} results were not fetched, for `fetchType` is NONE")
        outputs = []
        for result in results:
            values = {
                "row": result.row,
                "rows": result.rows,
                "uri": await stored(ctx, result),
                "size": result.size,
            }
            outputs.append({name: value for name, value in values.items() if value is not None})
        count_fetched(ctx, self.fetching, sum(result.size or 0 for result in results))
        return QueriesOutput(
            outputs=outputs, output_files=await self.files(ctx), database_uri=await self.database(ctx)
        )
