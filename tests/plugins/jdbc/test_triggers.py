"""Queries that start flows (plugins spec C1.7)."""

from __future__ import annotations

import pytest

from batuta import flows
from batuta.errors import TaskError
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.trigger import SourceDown
from batuta.plugins.jdbc.fetching import FetchType
from batuta.plugins.jdbc.postgresql.query import Trigger


@pytest.fixture
def look(shop, database):
    """One look, with what an attempt has at hand."""

    async def look(sql, **more):
        login = {"url": database.url, "username": "root", "password": database.server.password}
        context = shop.attempt({"type": "core.debug.Return"}).context
        return await Trigger(sql=sql, **(login | more)).poll(context)

    return look


async def test_rows_start_the_flow(look, shop):
    fetched = await look("SELECT 1 AS a UNION ALL SELECT 2 ORDER BY 1")
    first = await look("SELECT 7 AS a", fetch_type=FetchType.FETCH_ONE)
    stored = await look("SELECT :n AS a", fetch_type=FetchType.STORE, parameters={"n": "x"})

    assert plain_outputs(fetched.variables) == {"row": None, "rows": [{"a": 1}, {"a": 2}], "size": 2}
    assert plain_outputs(first.variables) == {"row": {"a": 7}, "size": 1}
    assert await shop.content(stored.variables.uri) == b'{a:"x"}\n'


async def test_nothing_starts_it_without_a_row(look, database):
    assert await look("SELECT 1 WHERE false") is None
    assert await look("CREATE TABLE t (a int)") is None
    assert await look("SELECT 1 WHERE false", fetch_type=FetchType.FETCH_ONE) is None
    assert await look("SELECT 1 WHERE false", after_sql="CREATE TABLE u (a int)") is None
    assert database.rows("SELECT * FROM u") == []


@pytest.fixture
def look_at_orders(look, database):
    database.run(
        "CREATE TABLE orders (id int, seen bool)", "INSERT INTO orders VALUES (1, false), (2, false)"
    )
    sql = "SELECT id FROM orders WHERE NOT seen ORDER BY id"
    return lambda: look(sql, after_sql="UPDATE orders SET seen = true WHERE NOT seen")


async def test_what_has_started_an_execution_is_not_found_again(look_at_orders, database):
    found = await look_at_orders()
    assert database.value("SELECT count(*) FROM orders WHERE seen") == 0

    await found.settle()
    await found.release()

    assert found.variables.rows == [{"id": 1}, {"id": 2}]
    assert database.value("SELECT count(*) FROM orders WHERE seen") == 2
    assert await look_at_orders() is None


async def test_what_has_started_none_is_found_again(look_at_orders):
    found = await look_at_orders()
    await found.release()

    again = await look_at_orders()
    assert again.variables.rows == [{"id": 1}, {"id": 2}]
    await again.release()


async def test_a_statement_afterwards_that_fails_fails_the_look(look):
    with pytest.raises(TaskError, match="missing"):
        await look("SELECT 1", after_sql="DELETE FROM missing")


async def test_a_database_that_is_away_is_waited_for(look):
    with pytest.raises(SourceDown, match=r"Cannot connect to PostgreSQL at 127\.0\.0\.1:1/x"):
        await look("SELECT 1", url="jdbc:postgresql://127.0.0.1:1/x")


@pytest.mark.parametrize("family", ["postgresql", "duckdb"])
def test_a_trigger_that_fetches_nothing_is_refused(family):
    source = f"""
        id: watch
        namespace: company.team
        tasks:
          - {{id: say, type: io.kestra.plugin.core.debug.Return}}
        triggers:
          - {{id: rows, type: io.kestra.plugin.jdbc.{family}.Trigger, sql: SELECT 1, fetchType: NONE}}
        """

    with pytest.raises(flows.InvalidFlow, match="a trigger with NONE never starts anything"):
        flows.parse(source)
