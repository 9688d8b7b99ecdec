"""Files into tables and tables into files (plugins spec C1.4)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta, field

from batuta.errors import TaskError
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.jdbc.connection import ConnectedTask
from batuta.plugins.jdbc.postgresql.connected import EXTRA, SCHEME, open_postgres
from batuta.plugins.jdbc.postgresql.connecting import Cert, Key, KeyPassword, Mode, RootCert, Ssl
from batuta.plugins.jdbc.session import Session


class CopyFormat(StrEnum):
    """How the file is written."""

    TEXT = "TEXT"
    CSV = "CSV"
    BINARY = "BINARY"


class CopyTask(ConnectedTask, kw_only=True):
    """Base of the tasks that copy. Names go into the statement as they are written, without quotes."""

    extra: ClassVar[str | None] = EXTRA
    scheme: ClassVar[str] = SCHEME

    columns: Annotated[list[str], Meta(description="Columns, in the order of the file; by default all.")] = []
    format: Annotated[CopyFormat, Meta(description="How the file is written.")] = CopyFormat.TEXT
    header: Annotated[bool | None, Meta(description="The first line has the names of the columns.")] = None
    delimiter: Annotated[str | None, Meta(description="Character between values.")] = None
    null_string: Annotated[str | None, Meta(description="What stands for no value.")] = None
    quote: Annotated[str | None, Meta(description="Character around values of a CSV.")] = None
    escape: Annotated[str | None, Meta(description="Character before a quote within quotes.")] = None
    encoding: Annotated[str | None, Meta(description="Character set of the file, such as UTF8.")] = None
    force_quote: Annotated[list[str], Meta(description='Columns always quoted; `["*"]` for all.')] = []
    force_not_null: Annotated[list[str], Meta(description="Columns in which nothing stands for null.")] = []
    force_null: Annotated[
        list[str], Meta(description="Columns in which the null string stands for null even in quotes.")
    ] = []
    freeze: Annotated[bool | None, Meta(description="Write rows as if they were frozen already.")] = None
    oids: Annotated[bool | None, Meta(description="Copy object ids; only PostgreSQL before 12.")] = None
    socket_timeout: Annotated[
        int | None, Meta(description="Seconds after which a network that does not answer is given up.")
    ] = None
    ssl: Ssl = None
    ssl_mode: Mode = None
    ssl_root_cert: RootCert = None
    ssl_cert: Cert = None
    ssl_key: Key = None
    ssl_key_password: KeyPassword = None

    def statement(self, what: str, direction: str) -> str:
        """The statement."""
        columns = f" ({', '.join(self.columns)})" if self.columns else ""
        options = ", ".join(self._options())
        return f"COPY {what}{columns} {direction}{f' WITH ({options})' if options else ''}"

    def _options(self) -> Iterator[str]:
        if self.format is not CopyFormat.TEXT:
            yield f"FORMAT {self.format.value}"
        yield from _switched("OIDS", self.oids)
        yield from _switched("FREEZE", self.freeze)
        yield from _quoted("DELIMITER", self.delimiter)
        yield from _quoted("NULL", self.null_string)
        yield from _switched("HEADER", self.header)
        yield from _quoted("QUOTE", self.quote)
        yield from _quoted("ESCAPE", self.escape)
        yield from _listed("FORCE_QUOTE", self.force_quote)
        yield from _listed("FORCE_NOT_NULL", self.force_not_null)
        yield from _listed("FORCE_NULL", self.force_null)
        yield from _quoted("ENCODING", self.encoding)


def _switched(name: str, value: bool | None) -> Iterator[str]:
    if value is not None:
        yield f"{name} {'TRUE' if value else 'FALSE'}"


def _quoted(name: str, value: str | None) -> Iterator[str]:
    if value is not None:
        escaped = value.replace("'", "''")
        yield f"{name} '{escaped}'"


def _listed(name: str, columns: list[str]) -> Iterator[str]:
    if columns:
        yield f"{name} *" if columns == ["*"] else f"{name} ({', '.join(columns)})"


@plugin("io.kestra.plugin.jdbc.postgresql.CopyIn")
class CopyIn(CopyTask, kw_only=True):
    """Load a stored file into a table of PostgreSQL, with the server's own `COPY`.

    The file goes to the server as it is, in constant memory. One bad value, and nothing is loaded.

    ```yaml
    id: load
    type: io.kestra.plugin.jdbc.postgresql.CopyIn
    url: jdbc:postgresql://localhost:5432/ny_taxi
    username: root
    password: "{{ secret('POSTGRES_PASSWORD') }}"
    from: "{{ inputs.file }}"
    table: public.trips_staging
    format: CSV
    header: true
    columns: [VendorID, pickup, dropoff]
    ```
    """

    from_: Annotated[str, Meta(description="URI of the file.")] = field(name="from")
    table: Annotated[str, Meta(description="Table to load into.")]

    class Output(task.Output, frozen=True):
        """How much was loaded."""

        row_count: Annotated[int, Meta(description="Rows that were loaded.")]

    async def run(self, ctx: RunContext) -> Output:
        """Send the file."""
        folder = ctx.files.working_dir
        path = folder / "copy"
        await ctx.files.fetch(self.from_, path)
        statement = self.statement(self.table, "FROM STDIN")
        ctx.log.debug(f"Running {statement}")
        session = Session(lambda: open_postgres(self, ctx, folder))
        count = await session.run(lambda database: database.copy_in(statement, path, session.check))
        ctx.metrics.count("rows", count)
        ctx.log.info(f"Copied {count} rows into {self.table}")
        return self.Output(row_count=count)


@plugin("io.kestra.plugin.jdbc.postgresql.CopyOut")
class CopyOut(CopyTask, kw_only=True):
    """Write a table or the result of a query of PostgreSQL into a file, with the server's own `COPY`.

    ```yaml
    id: dump
    type: io.kestra.plugin.jdbc.postgresql.CopyOut
    url: jdbc:postgresql://localhost:5432/ny_taxi
    username: root
    password: "{{ secret('POSTGRES_PASSWORD') }}"
    sql: SELECT day, count(*) FROM trips GROUP BY day
    format: CSV
    header: true
    ```
    """

    sql: Annotated[str | None, Meta(description="Query whose result is written.")] = None
    table: Annotated[str | None, Meta(description="Table to write, where `sql` is left out.")] = None

    class Output(task.Output, frozen=True):
        """The file."""

        uri: Annotated[str, Meta(description="URI of the file.")]
        row_count: Annotated[int, Meta(description="Rows that were written.")]

    async def run(self, ctx: RunContext) -> Output:
        """Receive the file."""
        statement = self.copy_statement()
        folder = ctx.files.working_dir
        path = folder / f"copy.{'csv' if self.format is CopyFormat.CSV else 'txt'}"
        ctx.log.debug(f"Running {statement}")
        session = Session(lambda: open_postgres(self, ctx, folder))
        count = await session.run(lambda database: database.copy_out(statement, path, session.check))
        ctx.metrics.count("rows", count)
        ctx.log.info(f"Copied {count} rows into a file")
        return self.Output(uri=await ctx.files.put(path), row_count=count)

    def copy_statement(self) -> str:
        """The statement.

        Raises:
            TaskError: there is nothing to copy.
        """
        if self.sql:
            if self.columns:
                raise TaskError("`columns` goes with `table`", mend="name the columns in the `sql`")
            return self.statement(f"({self.sql.strip().rstrip(';')})", "TO STDOUT")
        if self.table:
            return self.statement(self.table, "TO STDOUT")
        raise TaskError("`sql` or `table` is needed", mend="write the query or name the table to copy")
