"""Brings the schema of a database file up to date: creates it, leaves it, upgrades it, or refuses.

A new file is made from `schema.sql` and stamped as Alembic would do it, without importing Alembic.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from batuta.errors import NewerDatabase, StoreError
from batuta.store.sqlite.connection import explained

STORE = Path(__file__).parent.parent
SCHEMA = STORE / "schema.sql"
MIGRATIONS = STORE / "migrations"

_STAMP = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def revisions(migrations: Path = MIGRATIONS) -> list[str]:
    """Numbers of all migrations, in order: `0001` for `versions/0001_baseline.py`."""
    return sorted(file.name.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*_*.py"))


def prepare(connection: sqlite3.Connection, path: Path, migrations: Path = MIGRATIONS) -> None:
    """Make sure that the file has the newest schema.

    Raises:
        NewerDatabase: its schema is one that this version does not know.
        StoreError: it holds something else, or cannot be read.
    """
    known = revisions(migrations)
    try:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if not tables:
            _create(connection, known[-1])
            return
        if "alembic_version" not in tables:
            raise StoreError(
                "The file is a database of another program", where=str(path), mend="name another data folder"
            )
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise explained(error, path) from error
    version = row[0] if row else None
    if version == known[-1]:
        return
    if version is not None and version not in known:
        raise NewerDatabase(
            f"The database has schema {version}; this version of Batuta knows {known[-1]} and older",
            where=str(path),
            mend="install the newer version of Batuta that wrote it, or name another data folder",
        )
    from batuta.store.migrations.upgrade import upgrade

    upgrade(path, migrations)


def _create(connection: sqlite3.Connection, head: str) -> None:
    statements = SCHEMA.read_text(encoding="utf-8")
    connection.executescript(
        f"BEGIN IMMEDIATE; {statements} {_STAMP}; INSERT INTO alembic_version VALUES ('{head}'); COMMIT;"
    )
