"""DuckDB tasks (plugins spec C1.2, C1.3, C1.6)."""

from __future__ import annotations

import asyncio

import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugins.rows import read_row

PRODUCTS = '[{"brand":"b","price":1.0},{"brand":"a","price":3.0},{"brand":"b","price":2.0}]'


def query(sql, **more):
    return {"type": "jdbc.duckdb.Query", "sql": sql, **more}


def queries(sql, **more):
    return {"type": "jdbc.duckdb.Queries", "sql": sql, **more}


PIPELINE = """
INSTALL json;
LOAD json;
SELECT brand, round(avg(price), 2) AS avg_price
FROM read_json_auto('{{ workingDir }}/products.json')
GROUP BY brand
ORDER BY avg_price DESC;
"""


async def test_the_pipelines_query_works_without_a_network(shop):
    files = {"products.json": PRODUCTS}

    one = await shop.run(query(PIPELINE, inputFiles=files, fetchType="STORE"))
    warned = await shop.log(LogLevel.WARN)
    many = await shop.run(queries(PIPELINE, inputFiles=files, fetchType="STORE"))

    rows = b'{brand:"a",avg_price:3.0e0}\n{brand:"b",avg_price:1.5e0}\n'
    assert one.outputs["size"] == 2
    assert await shop.content(one.outputs["uri"]) == rows
    assert "use io.kestra.plugin.jdbc.duckdb.Queries" in warned[0]
    (output,) = many.outputs["outputs"]
    assert output["size"] == 2
    assert await shop.content(output["uri"]) == rows


async def test_plain_file_names_are_looked_for_in_the_working_directory(shop):
    outcome = await shop.run(
        query(
            "SELECT count(*) AS n FROM read_json_auto('p.json')",
            inputFiles={"p.json": PRODUCTS},
            fetchType="FETCH_ONE",
        )
    )

    assert outcome.outputs == {"row": {"n": 3}, "size": 1}


@pytest.mark.parametrize(
    ("how", "outputs"),
    [
        ({"fetchType": "FETCH"}, {"row": None, "rows": [{"a": 1}, {"a": 2}], "size": 2}),
        ({"fetchType": "FETCH_ONE"}, {"row": {"a": 1}, "size": 1}),
        ({"fetchType": "NONE"}, {"row": None, "size": 0}),
        ({}, {"row": None, "size": 0}),
        ({"fetch": True}, {"row": None, "rows": [{"a": 1}, {"a": 2}], "size": 2}),
        ({"fetch": True, "fetchOne": True, "store": True}, {"row": {"a": 1}, "size": 1}),
    ],
)
async def test_what_becomes_of_the_rows(shop, how, outputs):
    assert (await shop.run(query("SELECT * FROM (VALUES (1), (2)) t(a)", **how))).outputs == outputs


async def test_store_comes_before_fetch(shop):
    outcome = await shop.run(query("SELECT 1 AS a", fetch=True, store=True))

    assert outcome.outputs["uri"].endswith(".ion")
    assert "rows" not in outcome.outputs


async def test_a_statement_without_a_result_gives_none(shop):
    outcome = await shop.run(query("CREATE TABLE t(a int)", fetchType="FETCH"))

    assert outcome.outputs == {"row": None}


async def test_each_result_set_is_one_output(shop):
    outcome = await shop.run(
        queries(
            "CREATE TABLE t(a int); INSERT INTO t VALUES (1); SELECT 1 AS x; "
            "INSERT INTO t VALUES (2) RETURNING a; UPDATE t SET a = 3; SELECT ';' AS y -- ; no\n;",
            fetchType="FETCH",
        )
    )

    assert outcome.outputs == {
        "outputs": [
            {"rows": [{"x": 1}], "size": 1},
            {"rows": [{"a": 2}], "size": 1},
            {"rows": [{"y": ";"}], "size": 1},
        ]
    }


TYPES = """
SELECT 1::TINYINT AS small, 170141183460469231731687303715884105727::HUGEINT AS huge,
  1.50::DECIMAL(10,2) AS exact, 1.5::DOUBLE AS inexact, true AS yes, 'ab'::BLOB AS bytes,
  DATE '2024-02-03' AS day, TIME '10:00:00' AS hour,
  TIMESTAMP '2024-01-01 10:00:00' AS local, TIMESTAMPTZ '2024-01-01 10:00:00+02' AS instant,
  '{"a":[1,null]}'::JSON AS doc, [1,2] AS list, {'x': 1} AS struct, NULL AS nothing,
  'f47ac10b-58cc-4372-a567-0e02b2c3d479'::UUID AS id
"""


async def test_values_in_outputs_are_json(shop):
    outcome = await shop.run(query(TYPES, fetchType="FETCH_ONE", timeZoneId="Europe/Paris"))

    assert outcome.outputs["row"] == {
        "small": 1,
        "huge": "170141183460469231731687303715884105727",
        "exact": 1.5,
        "inexact": 1.5,
        "yes": True,
        "bytes": "YWI=",
        "day": "2024-02-03",
        "hour": "10:00:00",
        "local": "2024-01-01T09:00:00Z",
        "instant": "2024-01-01T08:00:00Z",
        "doc": {"a": [1, None]},
        "list": [1, 2],
        "struct": {"x": 1},
        "nothing": None,
        "id": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    }


async def test_values_in_row_files_are_ion(shop):
    outcome = await shop.run(query(TYPES, fetchType="STORE", timeZoneId="Europe/Paris"))

    line = await shop.content(outcome.outputs["uri"])
    assert line.decode() == (
        '{small:1,huge:"170141183460469231731687303715884105727",exact:1.50,inexact:1.5e0,yes:true,'
        'bytes:{{YWI=}},day:2024-02-03,hour:LocalTime::"10:00:00",'
        'local:ZonedDateTime::"2024-01-01T10:00:00+01:00[Europe/Paris]",instant:2024-01-01T08:00:00.000Z,'
        "doc:{a:[1,null]},list:[1,2],struct:{x:1},nothing:null,"
        'id:"f47ac10b-58cc-4372-a567-0e02b2c3d479"}\n'
    )
    assert read_row(line)["local"].isoformat() == "2024-01-01T10:00:00+01:00"


async def test_of_columns_with_one_name_the_last_stands(shop):
    for fetch_type, key in (("FETCH", "rows"), ("STORE", "uri")):
        outcome = await shop.run(query("SELECT 1 AS a, 2 AS b, 3 AS a", fetchType=fetch_type))
        found = outcome.outputs[key]
        rows = found if key == "rows" else [read_row(await shop.content(found))]
        assert rows == [{"a": 3, "b": 2}]


async def test_parameters_are_bound_and_nothing_else_is_touched(shop):
    outcome = await shop.run(
        queries(
            "SELECT :name AS n, '10:30'::TIME AS t; SELECT :none AS x, :name AS y",
            parameters={"name": "o'{{ inputs.who }}", "none": None},
            fetchType="FETCH_ONE",
        ),
        inputs={"who": "hara"},
    )

    assert [output["row"] for output in outcome.outputs["outputs"]] == [
        {"n": "o'hara", "t": "10:30:00"},
        {"x": None, "y": "o'hara"},
    ]


async def test_text_without_parameters_is_untouched(shop):
    outcome = await shop.run(query("SELECT 'a%' LIKE 'a:b' AS x, '1'::INT AS y", fetchType="FETCH_ONE"))

    assert outcome.outputs["row"] == {"x": False, "y": 1}


async def test_a_failed_statement_undoes_those_before_it(shop, tmp_path):
    url = f"jdbc:duckdb:{tmp_path}/own.duckdb"
    await shop.run(queries("CREATE TABLE t(a int)", url=url))

    failed = await shop.run(queries("INSERT INTO t VALUES (1); SELECT * FROM none", url=url))
    kept = await shop.run(queries("INSERT INTO t VALUES (2); SELECT * FROM none", url=url, transaction=False))
    outcome = await shop.run(query("SELECT * FROM t", url=url, fetchType="FETCH"))

    assert (failed.state, kept.state) == (State.FAILED, State.FAILED)
    assert outcome.outputs["rows"] == [{"a": 2}]


async def test_an_error_has_the_databases_words(shop):
    await shop.run(query("SELEC 1"))

    assert "syntax error" in (await shop.log(LogLevel.ERROR))[0]


async def test_a_statement_afterwards_shares_the_transaction(shop, tmp_path):
    url = f"jdbc:duckdb:{tmp_path}/own.duckdb"
    outcome = await shop.run(
        query("CREATE TABLE t AS SELECT 1 AS a", afterSQL="INSERT INTO t VALUES (2)", url=url)
    )

    assert outcome.state is State.SUCCESS
    assert (await shop.run(query("SELECT sum(a)::INT AS s FROM t", url=url, fetchOne=True))).outputs[
        "row"
    ] == {"s": 3}


async def test_files_written_by_the_sql_are_kept(shop):
    outcome = await shop.run(
        queries(
            "COPY (SELECT 1 AS a) TO '{{ outputFiles.out }}' (HEADER, DELIMITER ',')", outputFiles=["out"]
        )
    )

    assert await shop.content(outcome.outputs["outputFiles"]["out"]) == b"a\n1\n"


async def test_a_database_file_travels_from_task_to_task(shop):
    first = await shop.run(queries("CREATE TABLE t AS SELECT 7 AS a", outputDbFile=True))

    second = await shop.run(query("SELECT a FROM t", databaseUri=first.outputs["databaseUri"], fetchOne=True))

    assert second.outputs["row"] == {"a": 7}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("jdbc:sqlite:x", "URL scheme is invalid"),
        (" ", "Rendered value of `url` is blank."),
        ("jdbc:duckdb:sales.db", "`sales.db` is a relative path"),
    ],
)
async def test_an_address_that_is_none(shop, url, message):
    outcome = await shop.run(query("SELECT 1", url=url))

    assert outcome.state is State.FAILED
    assert message in (await shop.log(LogLevel.ERROR))[0]


async def test_a_kill_interrupts_the_query(shop, monkeypatch):
    slow = "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE a.range % 7 = b.range % 5"
    attempt = shop.attempt(query(f"SELECT 1; {slow}", fetchType="FETCH"))
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(attempt.context.log, "warn", lambda message: loop.call_soon_threadsafe(begun.set))
    running = asyncio.create_task(attempt.run())
    await begun.wait()

    attempt.kill()

    async with asyncio.timeout(20):
        assert (await running).state is State.KILLED


async def test_many_rows_are_stored_without_holding_them(shop):
    outcome = await shop.run(
        query("SELECT range AS id, 'name ' || range AS name FROM range(300000)", store=True)
    )

    assert outcome.outputs["size"] == 300_000
    assert (await shop.content(outcome.outputs["uri"])).endswith(b'{id:299999,name:"name 299999"}\n')
    assert ("fetch.size", "counter", 300_000.0, {"fetch": "false", "store": "true"}) in await shop.metrics()
