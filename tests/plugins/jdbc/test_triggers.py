"""Queries that start flows (plugins spec C1.7)."""

from __future__ import annotations

import pytest

from batuta import flows
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

    assert fetched == {"row": None, "rows": [{"a": 1}, {"a": 2}], "size": 2}
    assert first == {"row": {"a": 7}, "size": 1}
    assert await shop.content(stored["uri"]) == b'{a:"x"}\n'


async def test_nothing_starts_it_without_a_row(look, database):
    assert await look("SELECT 1 WHERE false") is None
    assert await look("CREATE TABLE t (a int)") is None
    assert await look("SELECT 1 WHERE false", fetch_type=FetchType.FETCH_ONE) is None


async def test_what_was_found_is_found_once(look, database):
    database.run(
        "CREATE TABLE orders (id int, seen bool)", "INSERT INTO orders VALUES (1, false), (2, false)"
    )
    sql = "SELECT id FROM orders WHERE NOT seen ORDER BY id"

    first = await look(sql, after_sql="UPDATE orders SET seen = true WHERE NOT seen")
    second = await look(sql, after_sql="UPDATE orders SET seen = true WHERE NOT seen")

    assert first["rows"] == [{"id": 1}, {"id": 2}]
    assert second is None


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
