"""Libraries of databases are extras: imported by the first task that connects, and named when missing."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("document", "library", "extra"),
    [
        (
            {"type": "jdbc.postgresql.Query", "url": "jdbc:postgresql://x/y", "sql": "SELECT 1"},
            "psycopg",
            "postgres",
        ),
        ({"type": "jdbc.mysql.Queries", "url": "jdbc:mysql://x/y", "sql": "SELECT 1"}, "pymysql", "mysql"),
        ({"type": "jdbc.mariadb.Query", "url": "jdbc:mariadb://x/y", "sql": "SELECT 1"}, "pymysql", "mysql"),
        ({"type": "jdbc.duckdb.Query", "sql": "SELECT 1"}, "duckdb", "duckdb"),
    ],
)
async def test_a_missing_library_is_named_with_the_command_to_run(
    shop, monkeypatch, document, library, extra
):
    monkeypatch.setitem(sys.modules, library, None)
    for name in [
        each for each in sys.modules if each.startswith("batuta.plugins.jdbc.") and each.endswith(".database")
    ]:
        monkeypatch.delitem(sys.modules, name)

    await shop.run(document)

    (line,) = await shop.log()
    assert "needs an optional library that is not installed" in line
    assert f"fix: run `pip install 'batuta[{extra}]'`" in line


def test_reading_the_types_imports_no_library():
    program = """
import sys
from batuta.plugin import registry
for name in registry.names():
    if ".jdbc." in name:
        registry.load(name)
loaded = {"psycopg", "pymysql", "duckdb", "sqlite3"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
