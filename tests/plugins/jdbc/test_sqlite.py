"""SQLite tasks (plugins spec C1.2, C1.3, C1.6)."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugins.jdbc.sqlite.tasks import Trigger


def query(sql, **more):
    return {"type": "jdbc.sqlite.Query", "sql": sql, **more}


def queries(sql, **more):
    return {"type": "jdbc.sqlite.Queries", "sql": sql, **more}


async def test_a_database_in_memory_needs_no_address(shop):
    outcome = await shop.run(
        queries(
            "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); SELECT a FROM t;"
            "INSERT INTO t VALUES (3) RETURNING a; SELECT ';' AS [b;c]",
            fetchType="FETCH",
        )
    )

    assert outcome.outputs == {
        "outputs": [
            {"rows": [{"a": 1}, {"a": 2}], "size": 2},
            {"rows": [{"a": 3}], "size": 1},
            {"rows": [{"b;c": ";"}], "size": 1},
        ]
    }


async def test_of_several_statements_a_query_keeps_the_last_result(shop):
    outcome = await shop.run(query("SELECT 1 AS a; SELECT 2 AS b", fetchType="FETCH_ONE"))

    assert outcome.outputs == {"row": {"b": 2}, "size": 1}
    assert "use io.kestra.plugin.jdbc.sqlite.Queries to keep each" in (await shop.log(LogLevel.WARN))[0]


async def test_a_database_file_travels_from_task_to_task(shop):
    first = await shop.run(queries("CREATE TABLE t AS SELECT 7 AS a", outputDbFile=True))
    uri = first.outputs["databaseUri"]

    named = await shop.run(
        query("SELECT a FROM t", url="jdbc:sqlite:shop.db", sqliteFile=uri, fetchType="FETCH_ONE")
    )
    nameless = await shop.run(query("SELECT a FROM t", sqliteFile=uri, fetchType="FETCH_ONE"))

    assert named.outputs == nameless.outputs == {"row": {"a": 7}, "size": 1}


async def test_an_error_undoes_all_statements_unless_each_is_committed(shop, tmp_path):
    url = f"jdbc:sqlite:{tmp_path}/own.db"
    await shop.run(query("CREATE TABLE t (a)", url=url))

    undone = await shop.run(queries("INSERT INTO t VALUES (1); SELECT * FROM missing", url=url))
    words = await shop.log(LogLevel.ERROR)
    kept = await shop.run(
        queries("INSERT INTO t VALUES (2); SELECT * FROM missing", url=url, transaction=False)
    )
    after = await shop.run(query("SELECT a FROM t", url=url, afterSQL="DELETE FROM t", fetchType="FETCH"))

    assert (undone.state, kept.state) == (State.FAILED, State.FAILED)
    assert words == ["ERROR no such table: missing (SQLITE_ERROR)"]
    assert after.outputs["rows"] == [{"a": 2}]
    assert sqlite3.connect(tmp_path / "own.db").execute("SELECT count(*) FROM t").fetchone() == (0,)


async def test_parameters_are_bound(shop):
    outcome = await shop.run(
        query(
            "SELECT :who AS who, :none AS none, :n + 1 AS n, 'a%' LIKE 'a%' AS x, "
            "json_extract(:doc, '$.a') AS a",
            parameters={"who": "o'hara", "none": None, "n": 1, "doc": {"a": 5}, "unused": 1},
            fetchType="FETCH_ONE",
        )
    )

    assert outcome.outputs["row"] == {"who": "o'hara", "none": None, "n": 2, "x": 1, "a": 5}


async def test_values_are_read_by_the_declared_type(shop):
    tables = """
    CREATE TABLE t (i integer, r real, s text, b blob, n int, d date, dt datetime, ts timestamp, tm time,
      ms datetime, odd date, yes boolean);
    INSERT INTO t VALUES (1, 1.5, 'é', x'6162', NULL, '2024-02-03', '2024-01-01 10:00:00',
      '2024-01-01T10:00:00+05:00', '10:00:00', 1704103200000, 'someday', true);
    """

    outcome = await shop.run(
        queries(tables + "SELECT * FROM t", fetchType="FETCH_ONE", timeZoneId="Europe/Paris")
    )
    stored = await shop.run(queries(tables + "SELECT d, dt, tm FROM t", fetchType="STORE"))

    assert outcome.outputs["outputs"][0]["row"] == {
        "i": 1,
        "r": 1.5,
        "s": "é",
        "b": "YWI=",
        "n": None,
        "d": "2024-02-03",
        "dt": "2024-01-01T09:00:00Z",
        "ts": "2024-01-01T05:00:00Z",
        "tm": "10:00:00",
        "ms": "2024-01-01T10:00:00Z",
        "odd": "someday",
        "yes": 1,
    }
    line = await shop.content(stored.outputs["outputs"][0]["uri"])
    assert line == b'{d:2024-02-03,dt:2024-01-01T10:00:00.000Z,tm:LocalTime::"10:00:00"}\n'


async def test_files_written_by_the_sql_are_kept(shop):
    outcome = await shop.run(
        queries(
            "CREATE TABLE t (a); VACUUM INTO '{{ outputFiles.copy }}'",
            outputFiles=["copy"],
            transaction=False,
        )
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert (await shop.content(outcome.outputs["outputFiles"]["copy"])).startswith(b"SQLite format 3")


async def test_rows_are_written_chunk_by_chunk(shop, tmp_path):
    url = f"jdbc:sqlite:{tmp_path}/own.db"
    await shop.run(
        query("CREATE TABLE t (id integer, Name text, doc text, price decimal, at timestamp)", url=url)
    )
    rows = "".join(
        f'{{id:{n},name:"n{n}",doc:[{n}],price:1.50,at:2024-01-01T10:00:00.000Z}}\n' for n in range(2_500)
    )
    uri = await shop.put("rows.ion", rows)

    outcome = await shop.run({"type": "jdbc.sqlite.Batch", "from": uri, "table": "t", "url": url})
    row = await shop.run(query("SELECT * FROM t WHERE id = 7", url=url, fetchType="FETCH_ONE"))

    assert outcome.outputs == {"rowCount": 2_500, "updatedCount": 2_500}
    assert row.outputs["row"] == {
        "id": 7,
        "Name": "n7",
        "doc": "[7]",
        "price": 1.5,
        "at": "2024-01-01T10:00:00Z",
    }


async def test_rows_start_a_flow(shop, tmp_path):
    context = shop.attempt({"type": "core.debug.Return"}).context
    url = f"jdbc:sqlite:{tmp_path}/own.db"
    await shop.run(queries("CREATE TABLE t (a, seen); INSERT INTO t VALUES (1, 0)", url=url))
    trigger = Trigger(sql="SELECT a FROM t WHERE seen = 0", after_sql="UPDATE t SET seen = 1", url=url)

    found = await trigger.poll(context)
    await found.settle()

    assert found.variables.rows == [{"a": 1}]
    assert await trigger.poll(context) is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"url": "jdbc:sqlite:../x.db"}, "leads out of the working directory"),
        ({"url": "jdbc:mysql://x/y"}, "URL scheme is invalid"),
        ({"url": " "}, "Rendered value of `url` is blank."),
        ({"url": "jdbc:sqlite:/no/such/folder/x.db"}, "unable to open database file"),
        ({"url": "jdbc:sqlite:/tmp/x.db", "sqliteFile": "kestra:///x"}, "do not go together"),
    ],
)
async def test_an_address_that_is_none(shop, more, words):
    outcome = await shop.run(query("SELECT 1", **more))

    assert outcome.state is State.FAILED
    assert words in (await shop.log(LogLevel.ERROR))[0]


async def test_a_kill_interrupts_the_query(shop, monkeypatch):
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    attempt = shop.attempt(query(f"SELECT 1; {slow}", fetchType="FETCH"))
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(attempt.context.log, "warn", lambda message: loop.call_soon_threadsafe(begun.set))
    running = asyncio.create_task(attempt.run())
    await begun.wait()

    attempt.kill()

    async with asyncio.timeout(20):
        assert (await running).state is State.KILLED
