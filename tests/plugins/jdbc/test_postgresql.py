"""Queries in PostgreSQL (plugins spec C1.1 to C1.3)."""

from __future__ import annotations

import asyncio

import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugins.jdbc.postgresql.database import run_key
from batuta.plugins.rows import read_row


@pytest.fixture
def query(database):
    return lambda sql, **more: {"type": "jdbc.postgresql.Query", "sql": sql, **database.login, **more}


@pytest.fixture
def queries(database):
    return lambda sql, **more: {"type": "jdbc.postgresql.Queries", "sql": sql, **database.login, **more}


async def test_what_becomes_of_the_rows(shop, query):
    sql = "SELECT * FROM (VALUES (1, 'x'), (2, 'y')) t(a, b)"
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]

    fetched = await shop.run(query(sql, fetchType="FETCH"))
    first = await shop.run(query(sql, fetchType="FETCH_ONE"))
    stored = await shop.run(query(sql, fetchType="STORE"))
    nothing = await shop.run(query(sql))
    older = await shop.run(query(sql, fetchOne=True, store=True))

    assert fetched.outputs == {"row": None, "rows": rows, "size": 2}
    assert first.outputs == older.outputs == {"row": {"a": 1, "b": "x"}, "size": 1}
    assert stored.outputs["size"] == 2
    assert await shop.content(stored.outputs["uri"]) == b'{a:1,b:"x"}\n{a:2,b:"y"}\n'
    assert nothing.outputs == {"row": None, "size": 0}


async def test_a_result_without_rows(shop, query):
    sql = "SELECT 1 AS a WHERE false"

    assert (await shop.run(query(sql, fetchType="FETCH"))).outputs == {"row": None, "rows": [], "size": 0}
    assert (await shop.run(query(sql, fetchType="FETCH_ONE"))).outputs == {"row": None, "size": 0}
    stored = await shop.run(query(sql, fetchType="STORE"))
    assert await shop.content(stored.outputs["uri"]) == b""


async def test_a_statement_without_a_result_has_no_size(shop, query, database):
    outcome = await shop.run(query("CREATE TABLE t (a int)", fetchType="FETCH"))

    assert outcome.outputs == {"row": None}
    assert database.rows("SELECT * FROM t") == []


async def test_each_result_set_is_one_output(shop, queries):
    outcome = await shop.run(
        queries(
            "CREATE TABLE t (a int); INSERT INTO t VALUES (1); SELECT 1 a;"
            "INSERT INTO t VALUES (2) RETURNING a;"
            "UPDATE t SET a = 3; SELECT 2 b;",
            fetchType="FETCH",
        )
    )

    assert outcome.outputs == {
        "outputs": [
            {"rows": [{"a": 1}], "size": 1},
            {"rows": [{"a": 2}], "size": 1},
            {"rows": [{"b": 2}], "size": 1},
        ]
    }


async def test_results_that_nobody_wants_are_counted(shop, queries):
    outcome = await shop.run(queries("SELECT 1; SELECT 2"))

    assert outcome.outputs == {"outputs": [{"size": 0}, {"size": 0}]}
    assert await shop.log(LogLevel.INFO) == ["INFO 2 results were not fetched, for `fetchType` is NONE"]


async def test_an_error_undoes_all_statements_unless_each_is_committed(shop, queries, database):
    database.run("CREATE TABLE t (a int)")
    sql = "INSERT INTO t VALUES ({}); SELECT 1; SELECT * FROM missing"

    undone = await shop.run(queries(sql.format(1)))
    kept = await shop.run(queries(sql.format(2), transaction=False))

    assert (undone.state, kept.state) == (State.FAILED, State.FAILED)
    assert database.rows("SELECT a FROM t") == [(2,)]


async def test_own_transactions_are_left_alone(shop, queries, database):
    outcome = await shop.run(
        queries(
            "BEGIN; CREATE TABLE t (a int); INSERT INTO t VALUES (1); COMMIT;"
            "BEGIN; INSERT INTO t VALUES (2); ROLLBACK; SELECT count(*) AS n FROM t",
            fetchType="FETCH_ONE",
        )
    )

    assert outcome.outputs["outputs"] == [{"row": {"n": 1}, "size": 1}]


async def test_a_statement_afterwards_shares_the_transaction(shop, query, database):
    database.run("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")

    done = await shop.run(query("SELECT a FROM t", afterSQL="DELETE FROM t", fetchType="FETCH"))
    failed = await shop.run(query("INSERT INTO t VALUES (9)", afterSQL="DELETE FROM missing"))

    assert done.outputs["rows"] == [{"a": 1}]
    assert failed.state is State.FAILED
    assert database.rows("SELECT * FROM t") == []


async def test_a_statement_may_follow_several(shop, queries, database):
    database.run("CREATE TABLE t (a int)")

    done = await shop.run(
        queries(
            "SELECT 1 a; SELECT 2 b", afterSQL="INSERT INTO t VALUES (1) RETURNING a", fetchType="FETCH_ONE"
        )
    )
    undone = await shop.run(queries("INSERT INTO t VALUES (2)", afterSQL="DELETE FROM missing"))

    assert [each["row"] for each in done.outputs["outputs"]] == [{"a": 1}, {"b": 2}]
    assert undone.state is State.FAILED
    assert database.rows("SELECT * FROM t") == [(1,)]


async def test_of_several_statements_a_query_keeps_the_last_result(shop, query):
    outcome = await shop.run(query("SELECT 1 AS a; SELECT 2 AS b; SET work_mem = '8MB'", fetchType="FETCH"))

    assert outcome.outputs == {"row": None, "rows": [{"b": 2}], "size": 1}
    assert "use io.kestra.plugin.jdbc.postgresql.Queries to keep each" in (await shop.log(LogLevel.WARN))[0]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a%' LIKE 'a%' AS x, '10:30'::time::text AS y, now()::date IS NULL AS z",
        "SELECT 'a%' LIKE 'a%' AS x, $$10:30:00$$ AS y, 5 % 2 = 0 AS z -- 100% :name ?",
    ],
)
async def test_percent_signs_and_colons_are_untouched(shop, query, sql):
    for parameters in ({}, {"name": "unused"}):
        outcome = await shop.run(query(sql, fetchType="FETCH_ONE", parameters=parameters))

        assert outcome.outputs["row"] == {"x": True, "y": "10:30:00", "z": False}


async def test_parameters_are_bound_wherever_a_value_may_stand(shop, queries):
    outcome = await shop.run(
        queries(
            "CREATE TABLE t (day date, n int, doc jsonb, who text);"
            "INSERT INTO t VALUES (:day, :n, :doc, :who);"
            "SELECT day, n, doc, who FROM t WHERE day = :day AND who LIKE 'o''%' AND :none IS NULL"
            " AND n = ANY(:many) AND n::text = '7'",
            parameters={
                "day": "2024-02-03",
                "n": 7,
                "doc": {"a": [1]},
                "who": "o'{{ inputs.who }}",
                "none": None,
                "many": [6, 7],
            },
            fetchType="FETCH_ONE",
        ),
        inputs={"who": "hara"},
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    row = {"day": "2024-02-03", "n": 7, "doc": {"a": [1]}, "who": "o'hara"}
    assert outcome.outputs["outputs"] == [{"row": row, "size": 1}]


TYPES = """
SELECT 'x'::text AS text, 1::int2 AS small, 2::int8 AS big, 1.50::numeric AS exact, 1.5::float8 AS inexact,
  true AS yes, 'ab'::bytea AS bytes, 'f47ac10b-58cc-4372-a567-0e02b2c3d479'::uuid AS id,
  date '2024-02-03' AS day, time '10:00' AS hour, timestamp '2024-01-01 10:00:00.5' AS local,
  timestamptz '2024-01-01 10:00:00+02' AS instant, timetz '10:00+02' AS zoned_hour,
  interval '1 year 2 months -3 days 04:05:06.7' AS span, interval '0' AS no_span,
  '{"a":[1,null]}'::json AS doc, '[1,"b"]'::jsonb AS list_doc, 'null'::jsonb AS null_doc,
  ARRAY[1,2] AS list, ARRAY[['a','b'],['c',NULL]] AS lists,
  ARRAY[timestamptz '2024-01-01 00:00Z'] AS instants,
  to_tsvector('simple', 'b a') AS words, pg_sleep(0) AS nothing_at_all, NULL AS nothing,
  '10.0.0.1/8'::inet AS net, int4range(1, 3) AS range, date 'infinity' AS never, (1, 'x') AS pair,
  '0001-01-01 BC'::date AS old, '<a/>'::xml AS xml, 12.5::money AS money
"""


async def test_values_in_outputs_are_json(shop, query):
    outcome = await shop.run(query(TYPES, fetchType="FETCH_ONE", timeZoneId="Europe/Paris"))

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs["row"] == {
        "text": "x",
        "small": 1,
        "big": 2,
        "exact": 1.5,
        "inexact": 1.5,
        "yes": True,
        "bytes": "YWI=",
        "id": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "day": "2024-02-03",
        "hour": "10:00:00",
        "local": "2024-01-01T10:00:00.500000",
        "instant": "2024-01-01T08:00:00Z",
        "zoned_hour": "09:00:00",
        "span": "P1Y2M-3DT4H5M6.7S",
        "no_span": "P0Y0M0DT0H0M0S",
        "doc": {"a": [1, None]},
        "list_doc": [1, "b"],
        "null_doc": None,
        "list": [1, 2],
        "lists": [["a", "b"], ["c", None]],
        "instants": ["2024-01-01T00:00:00Z"],
        "words": "'a':2 'b':1",
        "nothing_at_all": None,
        "nothing": None,
        "net": "10.0.0.1/8",
        "range": "[1,3)",
        "never": "infinity",
        "pair": "(1,x)",
        "old": "0001-01-01 BC",
        "xml": "<a/>",
        "money": "$12.50",
    }


async def test_values_in_row_files_are_ion(shop, query):
    sql = """SELECT date '2024-02-03' AS day, timestamp '2024-01-01 10:00' AS local, time '10:00' AS hour,
      timestamptz '2024-01-01 10:00:00+02' AS instant, 1.50::numeric AS exact, '{"a":1}'::json AS doc,
      ARRAY[1,2]::int[] AS list, 'ab'::bytea AS bytes"""

    zoned = await shop.run(query(sql, fetchType="STORE", timeZoneId="Europe/Paris"))
    plain = await shop.run(query(sql, fetchType="STORE"))

    line = await shop.content(zoned.outputs["uri"])
    assert line.decode() == (
        '{day:2024-02-03,local:LocalDateTime::"2024-01-01T10:00:00",hour:LocalTime::"10:00:00",'
        'instant:ZonedDateTime::"2024-01-01T09:00:00+01:00[Europe/Paris]",exact:1.50,doc:{a:1},list:[1,2],'
        "bytes:{{YWI=}}}\n"
    )
    assert b"instant:2024-01-01T08:00:00.000Z" in await shop.content(plain.outputs["uri"])
    assert read_row(line)["instant"].isoformat() == "2024-01-01T09:00:00+01:00"


async def test_an_hstore_is_a_map(shop, query, database):
    database.run("CREATE EXTENSION hstore")

    outcome = await shop.run(query("""SELECT 'a=>1, b=>NULL'::hstore AS h""", fetchType="FETCH_ONE"))

    assert outcome.outputs["row"] == {"h": {"a": "1", "b": None}}


async def test_many_rows_are_stored_without_holding_them(shop, query):
    outcome = await shop.run(
        query("SELECT n AS id, 'name ' || n AS name FROM generate_series(1, 100000) n", fetchType="STORE")
    )

    assert outcome.outputs["size"] == 100_000
    assert (await shop.content(outcome.outputs["uri"])).endswith(b'{id:100000,name:"name 100000"}\n')
    assert ("fetch.size", "counter", 100_000.0, {"fetch": "false", "store": "true"}) in await shop.metrics()


async def test_an_error_has_the_databases_words_and_the_place(shop, query):
    await shop.run(query("SELECT 1,\n  nme FROM pg_class"))

    assert await shop.log(LogLevel.ERROR) == [
        'ERROR ERROR: column "nme" does not exist\n  Position: 13, in line 2: nme FROM pg_class'
    ]


async def test_notices_are_in_the_log(shop, queries):
    await shop.run(queries("CREATE TABLE t (a int); CREATE TABLE IF NOT EXISTS t (a int)"))

    assert await shop.log() == ['DEBUG NOTICE: relation "t" already exists, skipping']


async def test_a_refused_login_is_one_clear_line(shop, query, database):
    await shop.run(query("SELECT 1", password="wrong"))

    assert await shop.log(LogLevel.ERROR) == [
        f"ERROR Cannot connect to PostgreSQL at 127.0.0.1:{database.server.port}/{database.name}: "
        'password authentication failed for user "root"\n  fix: check `username` and `password`'
    ]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("jdbc:postgresql://no.such.host.invalid/db", "check the host in `url`"),
        ("jdbc:postgresql://127.0.0.1:1/db", "Connection refused\n  fix: check the host and the port"),
        ("jdbc:postgresql://127.0.0.1:{port}/missing", 'database "missing" does not exist'),
        ("jdbc:postgresql://127.0.0.1:x/db", "url: `127.0.0.1:x` is not a host and a port"),
        ("jdbc:mysql://127.0.0.1/db", "URL scheme is invalid: `jdbc:mysql://127.0.0.1/db`"),
        (" ", "Rendered value of `url` is blank."),
    ],
)
async def test_an_address_where_nobody_is(shop, query, database, url, words):
    outcome = await shop.run(query("SELECT 1", url=url.format(port=database.server.port)))

    (line,) = await shop.log(LogLevel.ERROR)
    assert outcome.state is State.FAILED
    assert words in line
    assert database.server.password not in line


async def test_the_forms_of_an_address(shop, query, database):
    port, name = database.server.port, database.name
    database.run("CREATE SCHEMA own", "CREATE TABLE own.t AS SELECT 7 AS a")
    secret = "t0p%20secret%2F%25"
    for address in (
        f"//127.0.0.1:{port}/{name}?currentSchema=own,public&ApplicationName=course&connectTimeout=5",
        f"//127.0.0.1:1,127.0.0.1:{port}/{name}?currentSchema=own&targetServerType=primary",
        f"//127.0.0.1:{port}/{name}?currentSchema=own&sslmode=prefer&reWriteBatchedInserts=true&socketTimeout=30",
    ):
        outcome = await shop.run(
            query("SELECT a FROM t", url="jdbc:postgresql:" + address, fetchType="FETCH_ONE")
        )
        assert outcome.state is State.SUCCESS, await shop.log()
        assert outcome.outputs["row"] == {"a": 7}
    address = f"jdbc:postgresql://127.0.0.1:{port}/{name}?user=root&password={secret}"
    outcome = await shop.run({"type": "jdbc.postgresql.Query", "sql": "SELECT 1", "url": address})
    assert outcome.state is State.SUCCESS, await shop.log()


async def test_a_parameter_that_is_not_known_is_passed_over(shop, query, database):
    await shop.run(query("SELECT 1", url=f"{database.url}?prepareThreshold=0"))

    assert (
        "DEBUG The parameter `preparethreshold` of `url` is not known here and has no effect"
        in await shop.log()
    )


async def test_a_kill_cancels_the_statement(shop, query, database):
    attempt = shop.attempt(query("SELECT pg_sleep(600)"))
    running = asyncio.create_task(attempt.run())
    await asyncio.to_thread(until_running, database, 1)

    attempt.kill()

    async with asyncio.timeout(20):
        assert (await running).state is State.KILLED
    await asyncio.to_thread(until_running, database, 0)


async def test_a_timeout_cancels_the_statement(shop, query, database):
    outcome = await shop.run(query("SELECT pg_sleep(600)", timeout="PT1S"))

    assert outcome.state is State.FAILED
    assert (await shop.log(LogLevel.ERROR))[0].startswith("ERROR Timeout after 00:00:01.000")
    await asyncio.to_thread(until_running, database, 0)


def until_running(database, count):
    """Until so many statements wait in `pg_sleep`; asked again and again, for the server tells nobody."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    )
    with database.server.connect(database.name) as connection:
        while connection.execute(query).fetchone()[0] != count:
            connection.execute("SELECT pg_stat_clear_snapshot()")


async def test_a_lost_connection_fails_the_attempt(shop, query, database):
    attempt = shop.attempt(query("SELECT pg_sleep(600)"))
    running = asyncio.create_task(attempt.run())
    await asyncio.to_thread(until_running, database, 1)

    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")

    async with asyncio.timeout(20):
        assert (await running).state is State.FAILED
    shop.last = attempt
    await shop.bench.journal.flush()
    (line,) = await shop.log(LogLevel.ERROR)
    assert line.startswith("ERROR The connection to PostgreSQL was lost: ")


async def test_an_attempt_waits_until_an_earlier_one_of_its_task_run_is_over(shop, query, database):
    attempt = shop.attempt(query("SELECT 1"))
    with database.server.connect(database.name) as earlier:
        earlier.execute("SELECT pg_advisory_lock(%s::int8)", [run_key(attempt.inputs.run.id)])
        running = asyncio.create_task(attempt.run())
        await asyncio.to_thread(until_somebody_waits, database)
        assert not running.done()

    async with asyncio.timeout(20):
        assert (await running).state is State.SUCCESS


def until_somebody_waits(database):
    with database.server.connect(database.name) as connection:
        while not connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            pass


async def test_connections_are_encrypted_as_far_as_wanted(shop, query, database):
    encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    for more, wanted in (
        ({}, True),
        ({"sslMode": "DISABLE"}, False),
        ({"sslMode": "REQUIRE"}, True),
        ({"url": f"{database.url}?sslmode=disable"}, False),
        ({"ssl": True, "sslRootCert": database.server.certificate}, True),
        ({"sslMode": "VERIFY_FULL", "sslRootCert": database.server.certificate}, True),
    ):
        outcome = await shop.run(query(encrypted, fetchType="FETCH_ONE", **more))
        assert outcome.state is State.SUCCESS, await shop.log()
        assert outcome.outputs["row"] == {"ssl": wanted}


async def test_a_certificate_that_nobody_vouches_for_is_refused(shop, query):
    outcome = await shop.run(query("SELECT 1", ssl=True))

    (line,) = await shop.log(LogLevel.ERROR)
    assert outcome.state is State.FAILED
    assert "certificate verify failed" in line
    assert "fix: check `sslMode` and the certificates" in line
