"""A connection to MySQL or MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec
import pymysql
from pymysql.constants import ER, FIELD_TYPE, FLAG
from pymysql.cursors import SSCursor

from batuta.errors import TaskError
from batuta.plugin.context import TaskLog
from batuta.plugins.jdbc import tokens
from batuta.plugins.jdbc.database import Rows, Unreachable
from batuta.plugins.jdbc.mysql.connecting import Access

_DAY = timedelta(days=1)
_LOST = frozenset({2006, 2013, 2014, 2055, 4031})
_WAIT_SECONDS = 86_400
_NO_ENCRYPTION = "server doesn't support"
"""What the library says where we wanted encryption and the server has none."""
_REFUSALS = {
    ER.ACCESS_DENIED_ERROR: "check `username` and `password`",
    ER.DBACCESS_DENIED_ERROR: "check `username` and the name of the database",
    ER.BAD_DB_ERROR: "check the name of the database in `url`",
}


class MysqlDatabase:
    """An open connection. Each statement commits by itself, except within `begin`."""

    def __init__(self, access: Access, log: TaskLog, *, run_id: str) -> None:
        self._access = access
        for name in access.unknown:
            log.debug(f"The parameter `{name}` of `url` is not known here and has no effect")
        self._connection = _connect(access)
        self._run_id: str | None = run_id
        if access.encryption not in ("DISABLED", "PREFERRED"):
            self._need_encryption()

    def _need_encryption(self) -> None:
        with self._told(), self._connection.cursor() as cursor:
            cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
            found = cursor.fetchone()
        if not found or not found[1]:
            self.close()
            raise _unencrypted(self._access)

    def statements(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[str]:
        """The statements of a text."""
        return tokens.split(sql, tokens.MYSQL)

    def controls_transaction(self, statement: str) -> bool:
        """The statement begins or ends a transaction by itself."""
        return tokens.controls_transaction(statement, tokens.MYSQL)

    def execute(self, statement: str, parameters: Mapping[str, Any], fetch_size: int) -> Rows | None:
        """Run a statement."""
        self._wait_for_others()
        values = {name: bindable(value) for name, value in parameters.items()} or None
        text = statement
        if values:
            text = tokens.with_parameters(
                statement, tokens.MYSQL, values, lambda name: f"%({name})s", percent="%%"
            )
        cursor: Any = self._connection.cursor(SSCursor)
        with self._told():
            cursor.execute(text, values)
        if cursor.description is None:
            with self._told():
                cursor.close()
            return None
        fields = cursor._result.fields
        changes = {place: change for place, field in enumerate(fields) if (change := self._change(field))}
        names = [column[0] for column in cursor.description]
        return Rows(names, self._batches(cursor, changes, fetch_size))

    def _batches(
        self, cursor: Any, changes: dict[int, Callable[[Any], Any]], size: int
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        with self._told(), closing(cursor):
            while batch := cursor.fetchmany(size):
                yield [
                    tuple(
                        changes[place](value) if place in changes and value is not None else value
                        for place, value in enumerate(row)
                    )
                    for row in batch
                ]

    def _change(self, field: Any) -> Callable[[Any], Any] | None:
        """How values of a column become those of plugins spec C1.3; None for as they are."""
        kind = field.type_code
        if kind == FIELD_TYPE.TIMESTAMP:
            return lambda value: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        if kind == FIELD_TYPE.TIME:
            return _time
        if kind == FIELD_TYPE.JSON:
            return msgspec.json.decode
        if kind == FIELD_TYPE.LONGLONG and field.flags & FLAG.UNSIGNED:
            return str
        is_tiny = kind == FIELD_TYPE.TINY and field.length == 1 and not field.flags & FLAG.UNSIGNED
        if is_tiny and self._access.tiny_is_bool:
            return bool
        if kind == FIELD_TYPE.BIT and field.length == 1:
            return lambda value: value != b"\x00"
        return None

    def columns(self, table: str) -> list[str]:
        """The columns of a table, quoted."""
        with self._told(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            names = [column[0].replace("`", "``") for column in cursor.description or ()]
        return [f"`{name}`" for name in names]

    def insert(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement once per row, in one go where it is a plain INSERT."""
        self._wait_for_others()
        text = tokens.with_places(sql, tokens.MYSQL, lambda number: "%s", percent="%%")
        with self._told(), self._connection.cursor() as cursor:
            return cursor.executemany(text, [[bindable(value) for value in row] for row in rows]) or 0

    def begin(self) -> None:
        """Begin a transaction."""
        self._wait_for_others()
        with self._told():
            self._connection.begin()

    def commit(self) -> None:
        """End the transaction and keep what it did."""
        with self._told():
            self._connection.commit()

    def rollback(self) -> None:
        """End the transaction and undo what it did."""
        with self._told():
            self._connection.rollback()

    def interrupt(self) -> None:
        """End the running statement, by way of another connection."""
        with closing(_connect(self._access)) as other, other.cursor() as cursor:
            cursor.execute(f"KILL QUERY {self._connection.thread_id()}")  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _wait_for_others(self) -> None:
        """Begin when no earlier attempt of this task run is at work; its statement may outlive it."""
        if self._run_id is None:
            return
        run_id, self._run_id = self._run_id, None
        with self._told(), self._connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, %s)", (f"batuta:{run_id}"[:64], _WAIT_SECONDS))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The server's errors in its own words."""
        try:
            yield
        except pymysql.MySQLError as error:
            code, message = _parts(error)
            if code in _LOST or (code == 0 and isinstance(error, pymysql.InterfaceError)):
                raise Unreachable(
                    f"The connection to MySQL was lost: {message or 'it is closed'}",
                    mend="a `retry` of the task makes it connect and run again",
                ) from None
            raise TaskError(f"{message} ({code})" if code else message) from None


def _connect(access: Access) -> pymysql.Connection[Any]:
    problem: TaskError | None = None
    for host, port in access.hosts:
        try:
            return _encrypted_if_possible(access, host, port)
        except (pymysql.MySQLError, OSError) as error:
            code, message = _parts(error)
            what = f"Cannot connect to MySQL at {access.place}: {message}"
            if code in _REFUSALS:
                raise TaskError(what, mend=_REFUSALS[code]) from None
            if _NO_ENCRYPTION in message:
                raise _unencrypted(access) from None
            mend = "check the host and the port in `url`, and that the database is running"
            problem = Unreachable(what, mend=mend)
    assert problem is not None
    raise problem from None


def _encrypted_if_possible(access: Access, host: str, port: int) -> pymysql.Connection[Any]:
    try:
        return pymysql.connect(host=host, port=port, **access.options)
    except pymysql.OperationalError as error:
        if access.encryption != "PREFERRED" or _NO_ENCRYPTION not in str(error):
            raise
    plain = access.options | {"ssl": None, "ssl_disabled": True}
    return pymysql.connect(host=host, port=port, **plain)


def _unencrypted(access: Access) -> TaskError:
    return TaskError(
        f"MySQL at {access.place} does not encrypt",
        mend="let the server, or write `sslMode=PREFERRED` in `url`",
    )


def _parts(error: BaseException) -> tuple[int, str]:
    first = error.args[0] if error.args else 0
    code = first if isinstance(first, int) else 0
    return code, " ".join(str(error.args[1] if len(error.args) > 1 else error).split())


def _time(value: Any) -> Any:
    """A time of day; MySQL's TIME may be a duration as well, which it then stays."""
    if isinstance(value, timedelta) and timedelta(0) <= value < _DAY:
        return (datetime(1970, 1, 1, tzinfo=UTC) + value).time()
    return value


def bindable(value: Any) -> Any:
    """A value that the library can write into a statement."""
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value)
    ):
        return msgspec.json.encode(value).decode()
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value.replace(tzinfo=None) if isinstance(value, time) else value
