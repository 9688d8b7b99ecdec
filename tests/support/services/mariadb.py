"""MariaDB as Debian has it, for tests: nothing reaches the disk for good, which makes it quick."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql

from tests.support.services.daemon import Daemon, Folder, free_port, run_as, user_for

PASSWORD = "t0p secret/%"
_QUICK = {
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-flush-method": "nosync",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
    "performance-schema": "0",
    "character-set-server": "utf8mb4",
    "bind-address": "127.0.0.1",
    "local-infile": "1",
    "default-time-zone": "+05:00",
}


class MariaDb:
    """A running server, in a time zone that is not ours."""

    host = "127.0.0.1"
    username = "course"
    password = PASSWORD

    def __init__(self) -> None:
        self._user = user_for("mysql")
        self._folder = Folder(self._user)
        self._numbers = itertools.count(1)
        data = self._folder.path / "data"
        first = self._folder.path / "first.sql"
        secret = PASSWORD.replace("'", "''")
        first.write_text(
            f"CREATE USER '{self.username}'@'%' IDENTIFIED BY '{secret}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO '{self.username}'@'%';\n"
        )
        first.chmod(0o644)
        where = [f"--datadir={data}", f"--tmpdir={self._folder.path}"]
        install = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        run_as(self._user, ["/usr/bin/mariadb-install-db", *install, *where])
        self.port = free_port()
        settings = [f"--{name}={value}" for name, value in _QUICK.items()]
        files = [f"--socket={self._folder.path}/socket", f"--pid-file={self._folder.path}/pid"]
        command = ["/usr/sbin/mariadbd", "--no-defaults", *where, *files, *settings]
        self._daemon = Daemon(
            [*command, f"--port={self.port}", f"--init-file={first}"],
            user=self._user,
            ready="ready for connections",
        )

    def stop(self) -> None:
        """End it, and remove what it wrote."""
        self._daemon.stop()
        self._folder.remove()

    def create(self) -> Database:
        """A fresh database."""
        name = f"test_{next(self._numbers)}"
        with self.connect(None) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        return Database(self, name)

    def connect(self, database: str | None) -> pymysql.Connection[Any]:
        """A connection of the test's own."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.username,
            password=self.password,
            database=database,
            autocommit=True,
        )


class Database:
    """A database of a test."""

    def __init__(self, server: MariaDb, name: str) -> None:
        self.server = server
        self.name = name

    @property
    def url(self) -> str:
        """Its address in JDBC's form."""
        return f"jdbc:mysql://{self.server.host}:{self.server.port}/{self.name}"

    @property
    def login(self) -> dict[str, str]:
        """The properties by which a task reaches it."""
        return {"url": self.url, "username": self.server.username, "password": self.server.password}

    def run(self, *statements: str) -> None:
        """Run statements."""
        with self.server.connect(self.name) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.server.connect(self.name) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    """A server, for as long as the block lasts."""
    server = MariaDb()
    try:
        yield server
    finally:
        server.stop()
