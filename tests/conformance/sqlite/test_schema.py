"""The schema of a file: made, kept, upgraded or refused."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from batuta.errors import NewerDatabase, StoreError
from batuta.store.migrations.upgrade import upgrade
from batuta.store.sqlite import open_sqlite, opened
from batuta.store.sqlite.connection import connect
from batuta.store.sqlite.schema import MIGRATIONS, SCHEMA, prepare, revisions
from batuta.store.tables import schema_text
from tests.conformance.samples import execution, having


def schema_of(path) -> dict[str, str]:
    """Every table and index with its statement, blanks evened out."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()).replace("( ", "(").replace(" )", ")") for name, sql in rows}


def version_of(path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchall()


async def test_a_new_file_has_what_the_migrations_make(tmp_path):
    async with opened(tmp_path / "new.db"):
        pass
    upgrade(tmp_path / "migrated.db", MIGRATIONS)

    assert schema_of(tmp_path / "new.db") == schema_of(tmp_path / "migrated.db")
    assert version_of(tmp_path / "new.db") == version_of(tmp_path / "migrated.db")


def test_the_schema_file_is_what_the_tables_say():
    assert SCHEMA.read_text() == schema_text(), "run `python -m batuta.store.tables`"


async def test_a_file_of_an_older_version_is_upgraded_and_keeps_its_rows(tmp_path):
    path = tmp_path / "batuta.db"
    async with opened(path) as store:
        await store.commit(having(execution()))
    newer = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, newer, ignore=shutil.ignore_patterns("__pycache__"))
    (newer / "versions" / "9999_colour.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9999'\ndown_revision = '{revisions()[-1]}'\n"
        "def upgrade():\n    op.add_column('executions', sa.Column('colour', sa.Text))\n"
    )

    with closing(connect(path)) as connection:
        prepare(connection, path, newer)
        assert connection.execute("SELECT id, colour FROM executions").fetchall() == [("e1", None)]

    assert version_of(path) == [("9999",)]


async def test_a_failed_migration_is_one_error_and_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "batuta.db"
    async with opened(path):
        pass
    newer = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, newer, ignore=shutil.ignore_patterns("__pycache__"))
    (newer / "versions" / "9999_wrong.py").write_text(
        f"from alembic import op\nrevision = '9999'\ndown_revision = '{revisions()[-1]}'\n"
        "def upgrade():\n    op.execute('UPDATE nothing SET x = 1')\n"
    )

    with closing(connect(path)) as connection, pytest.raises(StoreError, match="newest schema"):
        prepare(connection, path, newer)

    assert version_of(path) == [(revisions()[-1],)]


async def test_a_file_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "batuta.db"
    async with opened(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(NewerDatabase) as refused:
        await open_sqlite(path)

    assert "9999" in str(refused.value)
    assert str(path) in str(refused.value)
    assert "install the newer version" in str(refused.value)


async def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "batuta.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")

    with pytest.raises(StoreError, match="another program"):
        await open_sqlite(path)

    assert schema_of(path) == {"theirs": "CREATE TABLE theirs (x)"}


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "batuta.db"
    path.write_bytes(b"not a database" * 1_000)

    with pytest.raises(StoreError) as refused:
        await open_sqlite(path)

    assert "not an SQLite database" in str(refused.value)
    assert str(path) in str(refused.value)
    assert path.read_bytes() == b"not a database" * 1_000


async def test_a_damaged_database_is_one_clear_error(tmp_path):
    path = tmp_path / "batuta.db"
    async with opened(path) as store:
        await store.commit(having(*(execution(f"e{n}") for n in range(2_000))))
    octets = bytearray(path.read_bytes())
    octets[8_192:] = b"\xff" * (len(octets) - 8_192)
    path.write_bytes(octets)

    with pytest.raises(StoreError, match="damaged"):
        async with opened(path) as store:
            await store.executions.unsettled()


@pytest.mark.parametrize("place", ["file/batuta.db", "folder"])
async def test_a_place_that_cannot_hold_a_file_is_one_clear_error(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreError) as refused:
        await open_sqlite(tmp_path / place)

    assert str(tmp_path) in str(refused.value)


def test_opening_committing_and_reading_import_neither_sqlalchemy_nor_alembic(tmp_path):
    program = f"""
import asyncio, sys
from pathlib import Path
from batuta.store.sqlite import opened
from tests.conformance.samples import execution, having
async def main():
    async with opened(Path({str(tmp_path / "x.db")!r})) as store:
        await store.commit(having(execution()))
        assert await store.executions.get("e1")
        assert await store.executions.unsettled()
        assert await store.executions.distinct("state", 5) == ["CREATED"]
asyncio.run(main())
print([name for name in ("sqlalchemy", "alembic", "re2") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.stderr) == ("[]", "")
