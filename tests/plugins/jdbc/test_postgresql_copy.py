"""Files into PostgreSQL and out of it (plugins spec C1.4)."""

from __future__ import annotations

import asyncio

import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugins.jdbc.postgresql.copying import CopyFormat, CopyIn, CopyOut

CSV = 'VendorID,fare,flag\n1,2.50,N\n2,,"a ""b"", c"\n'


@pytest.fixture
def copy_in(database):
    return lambda uri, **more: {
        "type": "jdbc.postgresql.CopyIn",
        "from": uri,
        "table": "public.t",
        **database.login,
        **more,
    }


@pytest.fixture
def copy_out(database):
    return lambda **more: {"type": "jdbc.postgresql.CopyOut", **database.login, **more}


@pytest.mark.parametrize(
    ("properties", "statement"),
    [
        ({}, "COPY public.t FROM STDIN"),
        (
            {"format": CopyFormat.CSV, "header": True, "columns": ["VendorID", "fare"]},
            "COPY public.t (VendorID, fare) FROM STDIN WITH (FORMAT CSV, HEADER TRUE)",
        ),
        (
            {
                "format": CopyFormat.CSV,
                "oids": False,
                "freeze": True,
                "delimiter": ";",
                "null_string": "it's",
                "header": False,
                "quote": '"',
                "escape": "\\",
                "force_quote": ["a", "b"],
                "force_not_null": ["a"],
                "force_null": ["b"],
                "encoding": "LATIN1",
            },
            "COPY public.t FROM STDIN WITH (FORMAT CSV, OIDS FALSE, FREEZE TRUE, DELIMITER ';', "
            "NULL 'it''s', HEADER FALSE, QUOTE '\"', ESCAPE '\\', FORCE_QUOTE (a, b), "
            "FORCE_NOT_NULL (a), FORCE_NULL (b), ENCODING 'LATIN1')",
        ),
        ({"force_quote": ["*"]}, "COPY public.t FROM STDIN WITH (FORCE_QUOTE *)"),
        ({"format": CopyFormat.BINARY}, "COPY public.t FROM STDIN WITH (FORMAT BINARY)"),
    ],
)
def test_the_statement_says_what_was_set_and_no_more(properties, statement):
    task = CopyIn(from_="kestra:///x", table="public.t", **properties)

    assert task.statement(task.table, "FROM STDIN") == statement


def test_a_query_is_copied_in_brackets():
    task = CopyOut(sql="SELECT 1;\n", format=CopyFormat.CSV)

    assert task.copy_statement() == "COPY (SELECT 1) TO STDOUT WITH (FORMAT CSV)"


async def test_names_are_not_quoted_and_nothing_between_commas_is_null(shop, copy_in, database):
    database.run("CREATE TABLE t (VendorID text, fare numeric, flag text)")
    uri = await shop.put("trips.csv", CSV)

    outcome = await shop.run(copy_in(uri, format="CSV", header=True, columns=["VendorID", "fare", "flag"]))

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs == {"rowCount": 2}
    assert database.rows("SELECT vendorid, fare::text, flag FROM t ORDER BY 1") == [
        ("1", "2.50", "N"),
        ("2", None, 'a "b", c'),
    ]
    assert ("rows", "counter", 2.0, {}) in await shop.metrics()


async def test_one_bad_value_and_nothing_is_loaded(shop, copy_in, database):
    database.run("CREATE TABLE t (a int, b int)")
    uri = await shop.put("bad.csv", "1,2\n3,4\n5,six\n")

    outcome = await shop.run(copy_in(uri, format="CSV"))

    assert outcome.state is State.FAILED
    assert await shop.log(LogLevel.ERROR) == [
        'ERROR ERROR: invalid input syntax for type integer: "six"\n  Where: COPY t, line 3, column b: "six"'
    ]
    assert database.value("SELECT count(*) FROM t") == 0


async def test_a_file_that_is_not_there(shop, copy_in):
    await shop.run(copy_in("kestra:///company/team/other/executions/e0/tasks/t/r/none.csv"))

    assert "There is no file" in (await shop.log(LogLevel.ERROR))[0]


async def test_what_was_copied_out_can_be_copied_in(shop, copy_in, copy_out, database):
    database.run(
        "CREATE TABLE s AS SELECT n, 'é' || n AS name FROM generate_series(1, 3) n", "CREATE TABLE t (LIKE s)"
    )

    for options in ({"format": "CSV", "header": True, "delimiter": ";"}, {}, {"format": "BINARY"}):
        database.run("TRUNCATE t")
        out = await shop.run(copy_out(table="s", **options))
        assert out.state is State.SUCCESS, await shop.log()
        done = await shop.run(copy_in(out.outputs["uri"], **options))
        assert done.state is State.SUCCESS, await shop.log()
        assert out.outputs["rowCount"] == done.outputs["rowCount"] == 3
        assert database.value("SELECT count(*) FROM s JOIN t USING (n, name)") == 3


async def test_a_query_is_copied_out(shop, copy_out):
    outcome = await shop.run(
        copy_out(
            sql="SELECT 1 AS a, NULL AS b, 'x,y' AS c;",
            format="CSV",
            header=True,
            nullString="NA",
            forceQuote=["*"],
        )
    )

    assert await shop.content(outcome.outputs["uri"]) == b'a,b,c\n"1",NA,"x,y"\n'
    assert outcome.outputs["uri"].endswith(".csv")


async def test_neither_query_nor_table(shop, copy_out):
    await shop.run(copy_out())

    assert "`sql` or `table` is needed" in (await shop.log(LogLevel.ERROR))[0]


async def test_a_kill_ends_a_copy_and_leaves_nothing(shop, copy_in, database):
    database.run("CREATE TABLE t (a int)")
    uri = await shop.put("a.csv", "1\n2\n")
    with database.server.connect(database.name) as blocker:
        blocker.execute("BEGIN")
        blocker.execute("LOCK TABLE t")
        attempt = shop.attempt(copy_in(uri, format="CSV"))
        running = asyncio.create_task(attempt.run())
        await asyncio.to_thread(until_blocked, database)

        attempt.kill()

        async with asyncio.timeout(20):
            assert (await running).state is State.KILLED
        blocker.execute("ROLLBACK")
    assert database.value("SELECT count(*) FROM t") == 0


def until_blocked(database):
    """Until somebody waits for a lock; asked again and again, for the server tells nobody."""
    with database.server.connect(database.name) as connection:
        while not connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            pass


async def test_many_rows_are_written_chunk_by_chunk(shop, database):
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, name text, day date, doc jsonb, list int[], at timestamptz, "
        "bin bytea, yes bool)"
    )
    rows = "".join(
        f'{{id:{n},name:"n{n}",day:2024-01-0{1 + n % 9},doc:{{a:[{n}]}},list:[{n},null],'
        f"at:2024-01-01T10:00:00.000Z,bin:{{{{YWI=}}}},yes:true}}\n"
        for n in range(2_500)
    )
    uri = await shop.put("rows.ion", rows)
    batch = {"type": "jdbc.postgresql.Batch", "from": uri, **database.login}

    by_table = await shop.run({**batch, "table": "t"})
    by_sql = await shop.run(
        {
            **batch,
            "sql": "INSERT INTO t (name, id) VALUES (?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = '100%' || EXCLUDED.name",
            "columns": ["name", "id"],
            "chunk": 1_000,
        }
    )

    assert by_table.state is State.SUCCESS, await shop.log()
    assert by_table.outputs == by_sql.outputs == {"rowCount": 2_500, "updatedCount": 2_500}
    assert database.rows("SELECT name, day::text, doc, list, at::text, bin, yes FROM t WHERE id = 12") == [
        ("100%n12", "2024-01-04", {"a": [12]}, [12, None], "2024-01-01 10:00:00+00", b"ab", True)
    ]
    assert ("records", "counter", 2_500.0, {}) in await shop.metrics()


async def test_rows_may_be_lists_and_dates_text(shop, database):
    database.run("CREATE TABLE t (a int, b date, c text)")
    uri = await shop.put("rows.ion", '[1,"2024-02-03",2.5]\n[2,null,true]\n')

    outcome = await shop.run(
        {
            "type": "jdbc.postgresql.Batch",
            "from": uri,
            "sql": "INSERT INTO t VALUES (?, ?, ?)",
            **database.login,
        }
    )

    assert outcome.outputs == {"rowCount": 2, "updatedCount": 2}
    assert database.rows("SELECT a, b::text, c FROM t ORDER BY a") == [
        (1, "2024-02-03", "2.5"),
        (2, None, "true"),
    ]


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        ({}, "`sql` or `table` is needed"),
        ({"sql": "INSERT INTO t VALUES (?)"}, "a row has 2 values, and the statement 1 places for them"),
        ({"sql": "INSERT INTO missing VALUES (?, ?)"}, 'relation "missing" does not exist'),
    ],
)
async def test_a_batch_that_cannot_be_written(shop, database, batch, words):
    database.run("CREATE TABLE t (a int)")
    uri = await shop.put("rows.ion", "{a:1,b:2}\n")

    outcome = await shop.run({"type": "jdbc.postgresql.Batch", "from": uri, **batch, **database.login})

    assert outcome.state is State.FAILED
    assert words in (await shop.log(LogLevel.ERROR))[0]
