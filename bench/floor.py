"""What the machine can do at best: loops that only commit, with the durability that the server has."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path


def single_commits(count: int = 1000) -> float:
    """Commits per second, one row each."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        connection = _open(Path(folder))
        began = time.perf_counter()
        for number in range(count):
            connection.execute("begin immediate")
            connection.execute("insert into rows values (?, ?)", (number, b"x" * 300))
            connection.execute("commit")
        seconds = time.perf_counter() - began
        connection.close()
    return count / seconds


def grouped_rows(count: int = 200_000, group: int = 500) -> float:
    """Rows per second in commits of many rows."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        connection = _open(Path(folder))
        began = time.perf_counter()
        for start in range(0, count, group):
            connection.execute("begin immediate")
            connection.executemany(
                "insert into rows values (?, ?)", [(start + i, b"x" * 300) for i in range(group)]
            )
            connection.execute("commit")
        seconds = time.perf_counter() - began
        connection.close()
    return count / seconds


def _open(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    connection.execute("create table rows (id integer primary key, document blob)")
    return connection
