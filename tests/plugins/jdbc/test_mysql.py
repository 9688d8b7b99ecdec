"""SQL in MySQL, tried at MariaDB (plugins spec C1.1 to C1.7)."""

from __future__ import annotations

import asyncio

import pytest

from batuta.errors import TaskError
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugin.trigger import SourceDown
from batuta.plugins.jdbc.mariadb.tasks import Trigger as MariaDbTrigger
from batuta.plugins.jdbc.mysql.connecting import access, without_kind
from batuta.plugins.jdbc.mysql.tasks import Trigger
from batuta.plugins.jdbc.url import parse


@pytest.fixture
def database(mariadb_server):
    return mariadb_server.create()


@pytest.fixture
def query(database):
    return lambda sql, **more: {"type": "jdbc.mysql.Query", "sql": sql, **database.login, **more}


@pytest.fixture
def queries(database):
    return lambda sql, **more: {"type": "jdbc.mysql.Queries", "sql": sql, **database.login, **more}


async def test_what_becomes_of_the_rows(shop, query):
    sql = "SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'"
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]

    fetched = await shop.run(query(sql, fetchType="FETCH"))
    first = await shop.run(query(sql, fetchType="FETCH_ONE"))
    stored = await shop.run(query(sql, fetchType="STORE"))
    nothing = await shop.run(query(sql))
    none = await shop.run(query("CREATE TABLE t (a int)", fetchType="FETCH"))

    assert fetched.outputs == {"row": None, "rows": rows, "size": 2}
    assert first.outputs == {"row": {"a": 1, "b": "x"}, "size": 1}
    assert await shop.content(stored.outputs["uri"]) == b'{a:1,b:"x"}\n{a:2,b:"y"}\n'
    assert nothing.outputs == {"row": None, "size": 0}
    assert none.outputs == {"row": None}


async def test_each_result_set_is_one_output_and_an_error_undoes_all(shop, queries, database):
    database.run("CREATE TABLE t (a int)")
    good = await shop.run(queries("INSERT INTO t VALUES (1); SELECT 1 a; SELECT 2 b", fetchType="FETCH_ONE"))
    undone = await shop.run(queries("INSERT INTO t VALUES (2); SELECT * FROM missing"))
    kept = await shop.run(queries("INSERT INTO t VALUES (3); SELECT * FROM missing", transaction=False))

    assert good.outputs == {"outputs": [{"row": {"a": 1}, "size": 1}, {"row": {"b": 2}, "size": 1}]}
    assert (undone.state, kept.state) == (State.FAILED, State.FAILED)
    assert database.rows("SELECT a FROM t ORDER BY a") == [(1,), (3,)]


async def test_procedures_are_one_statement(shop, queries):
    outcome = await shop.run(
        queries(
            "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 7 AS a; END IF; END; CALL p(); SELECT 8 AS b",
            fetchType="FETCH_ONE",
        )
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert [each["row"] for each in outcome.outputs["outputs"]] == [{"a": 7}, {"b": 8}]


async def test_parameters_are_bound_and_percent_signs_untouched(shop, query):
    sql = "SELECT :who AS who, 'a%' LIKE 'a%' AS x, '10:30' AS y, :none AS z, 5 IN :many AS n"
    outcome = await shop.run(
        query(
            sql, parameters={"who": "o'{{ inputs.who }}", "none": None, "many": [4, 5]}, fetchType="FETCH_ONE"
        ),
        inputs={"who": "hara"},
    )
    plain = await shop.run(query("SELECT 'a%' LIKE 'a%s' AS x", fetchType="FETCH_ONE"))

    assert outcome.outputs["row"] == {"who": "o'hara", "x": 1, "y": "10:30", "z": None, "n": 1}
    assert plain.outputs["row"] == {"x": 0}


async def test_values(shop, query, database):
    database.run(
        "CREATE TABLE t (big bigint unsigned, yes boolean, tiny tinyint(4), bit1 bit(1), bits bit(8), "
        "exact decimal(5,2), inexact double, day date, hour time, long_time time, local datetime, "
        "instant timestamp NULL, text varchar(9), raw blob, nothing int)",
        "SET time_zone = '+02:00'",
        "INSERT INTO t VALUES (18446744073709551615, true, 1, b'1', b'11', 1.50, 1.5, '2024-02-03', '10:00', "
        "'30:00', '2024-01-01 10:00', '2024-01-01 10:00', 'é', 'ab', NULL)",
    )

    outcome = await shop.run(query("SELECT * FROM t", fetchType="FETCH_ONE"))
    stored = await shop.run(query("SELECT exact, day, hour, local, instant, raw FROM t", fetchType="STORE"))

    assert outcome.outputs["row"] == {
        "big": "18446744073709551615",
        "yes": True,
        "tiny": 1,
        "bit1": True,
        "bits": "Aw==",
        "exact": 1.5,
        "inexact": 1.5,
        "day": "2024-02-03",
        "hour": "10:00:00",
        "long_time": "PT30H",
        "local": "2024-01-01T10:00:00",
        "instant": "2024-01-01T08:00:00Z",
        "text": "é",
        "raw": "YWI=",
        "nothing": None,
    }
    assert (await shop.content(stored.outputs["uri"])).decode() == (
        '{exact:1.50,day:2024-02-03,hour:LocalTime::"10:00:00",local:LocalDateTime::"2024-01-01T10:00:00",'
        "instant:2024-01-01T08:00:00.000Z,raw:{{YWI=}}}\n"
    )


async def test_a_file_is_loaded_where_one_was_given(shop, queries, database):
    database.run("CREATE TABLE t (a int, b text)")
    uri = await shop.put("rows.csv", "a,b\n1,x\n2,y\n")
    load = "LOAD DATA LOCAL INFILE '{{ inputFile }}' INTO TABLE t FIELDS TERMINATED BY ',' IGNORE 1 LINES"

    done = await shop.run(queries(load, inputFile=uri))
    closed = await shop.run(queries(load.replace("{{ inputFile }}", "/etc/hostname")))

    assert done.state is State.SUCCESS, await shop.log()
    assert closed.state is State.FAILED
    assert database.rows("SELECT * FROM t") == [(1, "x"), (2, "y")]


async def test_many_rows_are_stored_without_holding_them(shop, query):
    outcome = await shop.run(
        query("SELECT CAST(seq AS SIGNED) AS id FROM seq_1_to_100000", fetchType="STORE")
    )

    assert outcome.outputs["size"] == 100_000
    assert (await shop.content(outcome.outputs["uri"])).endswith(b"{id:100000}\n")


async def test_rows_are_written_chunk_by_chunk(shop, database):
    database.run("CREATE TABLE t (id int, name text, day date, doc json, at datetime)")
    rows = "".join(
        f'{{id:{n},name:"100%{n}",day:2024-01-02,doc:{{a:[{n}]}},at:2024-01-01T10:00:00.000Z}}\n'
        for n in range(2_500)
    )
    uri = await shop.put("rows.ion", rows)

    outcome = await shop.run({"type": "jdbc.mysql.Batch", "from": uri, "table": "t", **database.login})
    other = await shop.run(
        {
            "type": "jdbc.mariadb.Batch",
            "from": uri,
            "sql": "INSERT INTO t (name, id) VALUES (?, ?)",
            "columns": ["name", "id"],
            **database.login,
            "url": database.url.replace("mysql", "mariadb"),
        }
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs == other.outputs == {"rowCount": 2_500, "updatedCount": 2_500}
    assert database.rows("SELECT name, day, doc, at FROM t WHERE id = 7 ORDER BY day IS NULL") == [
        ("100%7", *database.rows("SELECT date '2024-01-02', '{\"a\":[7]}', timestamp '2024-01-01 10:00'")[0]),
        ("100%7", None, None, None),
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "wrong"}, "Access denied for user 'course'"),
        ({"url": "jdbc:mysql://127.0.0.1:1/x"}, "check the host and the port in `url`"),
        ({"url": "jdbc:mysql://127.0.0.1:{port}/missing"}, "Unknown database 'missing'"),
        ({"url": "jdbc:postgresql://x/y"}, "URL scheme is invalid"),
        ({"url": "jdbc:mysql://127.0.0.1:{port}/?sslMode=REQUIRED"}, "does not encrypt"),
    ],
)
async def test_a_login_that_is_refused(shop, query, database, more, words):
    more = {name: value.format(port=database.server.port) for name, value in more.items()}

    outcome = await shop.run(query("SELECT 1", **more))

    (line,) = await shop.log(LogLevel.ERROR)
    assert outcome.state is State.FAILED
    assert words in line
    assert database.server.password not in line


async def test_an_error_has_the_databases_words(shop, query, database):
    await shop.run(query("SELECT * FROM missing"))

    assert await shop.log(LogLevel.ERROR) == [f"ERROR Table '{database.name}.missing' doesn't exist (1146)"]


async def test_a_kill_cancels_the_statement(shop, query, database):
    attempt = shop.attempt(query("SELECT SLEEP(600)"))
    running = asyncio.create_task(attempt.run())
    await asyncio.to_thread(until_running, database, 1)

    attempt.kill()

    async with asyncio.timeout(20):
        assert (await running).state is State.KILLED
    await asyncio.to_thread(until_running, database, 0)


def until_running(database, count):
    """Until so many statements sleep; asked again and again, for the server tells nobody."""
    where = f"DB = '{database.name}' AND INFO LIKE 'SELECT SLEEP%'"
    while database.rows(f"SELECT count(*) FROM information_schema.processlist WHERE {where}") != [(count,)]:
        pass


async def test_a_lost_connection_fails_the_attempt(shop, query, database):
    attempt = shop.attempt(query("SELECT SLEEP(600)"))
    running = asyncio.create_task(attempt.run())
    await asyncio.to_thread(until_running, database, 1)
    where = f"DB = '{database.name}' AND INFO LIKE 'SELECT SLEEP%'"
    ((pid,),) = database.rows(f"SELECT id FROM information_schema.processlist WHERE {where}")

    database.run(f"KILL {pid}")

    async with asyncio.timeout(20):
        assert (await running).state is State.FAILED
    shop.last = attempt
    await shop.bench.journal.flush()
    assert "The connection to MySQL was lost: " in (await shop.log(LogLevel.ERROR))[0]


async def test_rows_start_a_flow(shop, database):
    database.run("CREATE TABLE t (a int, seen int)", "INSERT INTO t VALUES (1, 0)")
    context = shop.attempt({"type": "core.debug.Return"}).context
    login = {"username": "course", "password": database.server.password}
    look = {"sql": "SELECT a FROM t WHERE seen = 0", "after_sql": "UPDATE t SET seen = 1"}

    found = await Trigger(**look, **login, url=database.url).poll(context)
    await found.settle()
    again = await MariaDbTrigger(**look, **login, url=database.url.replace("mysql", "mariadb")).poll(context)

    assert found.variables.rows == [{"a": 1}]
    assert again is None
    with pytest.raises(SourceDown):
        await Trigger(sql="SELECT 1", url="jdbc:mysql://127.0.0.1:1/x").poll(context)


def test_parameters_of_an_address():
    url = parse(
        without_kind("loadbalance://a,b:3307/shop?useSSL=false&connectTimeout=2500&socketTimeout=60000"
                     "&sessionVariables=sql_mode=ANSI&allowMultiQueries=true&rewriteBatchedStatements=true"),
        "jdbc:mysql:",
    )  # fmt: skip

    found = access(url, username="me", password=None, local_files=False)

    assert found.hosts == (("a", 3306), ("b", 3307))
    assert found.place == "a:3306,b:3307/shop"
    assert found.encryption == "DISABLED"
    assert found.unknown == ("rewritebatchedstatements",)
    assert found.options["connect_timeout"] == 2
    assert found.options["read_timeout"] == 60
    assert found.options["init_command"] == "SET time_zone = '+00:00', sql_mode=ANSI"


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("", "PREFERRED"),
        ("useSSL=true", "PREFERRED"),
        ("useSSL=true&requireSSL=true", "REQUIRED"),
        ("useSSL=true&verifyServerCertificate=true", "VERIFY_CA"),
        ("sslMode=VERIFY_IDENTITY", "VERIFY_IDENTITY"),
        ("sslMode=verify-full", "VERIFY_IDENTITY"),
        ("sslMode=DISABLED", "DISABLED"),
    ],
)
def test_how_much_encryption_an_address_asks_for(query, mode):
    url = parse(f"//a/b?{query}", "jdbc:mysql:")

    assert access(url, username=None, password=None, local_files=False).encryption == mode


def test_an_address_of_another_family():
    with pytest.raises(TaskError, match="is not a host and a port"):
        parse("//a:b/c", "jdbc:mysql:")
