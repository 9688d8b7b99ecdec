"""Searches: the fields, operations, columns and pages of API spec §3."""

from __future__ import annotations

import pytest

from batuta.errors import InvalidRequest
from batuta.model.execution import ExecutionKind
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.store.batch import Batch
from batuta.store.port import AllOf, AnyOf, Condition, Order, Search
from tests.conformance.samples import (
    NOON,
    at,
    both,
    child,
    either,
    entry,
    execution,
    flow,
    having,
    history,
    labels,
    line,
    sorted_by,
    task_run,
    where,
)


@pytest.fixture
async def executions(store):
    """Five of them, one second after the other: a to e."""
    done = history(State.CREATED, State.RUNNING, State.SUCCESS, start=1)
    await store.commit(
        having(
            execution("a", namespace="a.b", state=done, labels=labels(team="data", zone="eu-1")),
            execution("b", namespace="a.b.c", state=history(State.CREATED, State.FAILED, start=2)),
            execution("c", namespace="a.bc", flow_id="Load_100%", state=history(start=3), revision=7),
            child("d", "a", namespace="system", state=history(start=4), labels=labels(team="Data2")),
            execution("e", namespace="x", state=history(start=5), kind=ExecutionKind.TEST, parent_id="a"),
        )
    )
    await store.commit(
        Batch(task_runs={("a", 0): task_run("a", 0, "extract"), ("a", 1): task_run("a", 1, "load"),
                         ("b", 0): task_run("b", 0, "extract")})
    )  # fmt: skip

    async def found(search: Search) -> str:
        page = await store.executions.search(search)
        assert page.total == len(page.results)
        return "".join(sorted(each.id for each in page.results))

    return found


@pytest.mark.parametrize(
    ("field", "operation", "value", "expected"),
    [
        ("namespace", "EQUALS", "a.b", "a"),
        ("namespace", "EQUALS", ["a.b", "system"], "ad"),
        ("namespace", "NOT_EQUALS", "a.b", "bcd"),
        ("namespace", "PREFIX", "a.b", "ab"),
        ("namespace", "PREFIX", ["a.b.", "sys"], "ab"),
        ("namespace", "STARTS_WITH", "a.b", "abc"),
        ("namespace", "ENDS_WITH", "c", "bc"),
        ("namespace", "CONTAINS", ".b", "abc"),
        ("namespace", "NOT_CONTAINS", ".b", "d"),
        ("namespace", "IN", ["a.b", "a.bc"], "ac"),
        ("namespace", "NOT_IN", ["a.b", "a.bc"], "bd"),
        ("namespace", "REGEX", r"^a\.b(\.\w)?$", "ab"),
        ("flowId", "CONTAINS", "%", "c"),
        ("flowId", "CONTAINS", "_", "c"),
        ("flowId", "CONTAINS", "load", ""),
        ("flowId", "EQUALS", "' OR 1=1 --", ""),
        ("id", "EQUALS", "b", "b"),
        ("id", "NOT_IN", ["a", "b"], "cd"),
        ("flowRevision", "GREATER_THAN", "1", "c"),
        ("flowRevision", "EQUALS", 1, "abd"),
        ("state", "EQUALS", "SUCCESS", "a"),
        ("state", "IN", ["SUCCESS", "FAILED"], "ab"),
        ("state", "NOT_IN", ["SUCCESS", "FAILED"], "cd"),
        ("kind", "EQUALS", "TEST", "e"),
        ("kind", "IN", ["TEST", "NORMAL"], "abcde"),
        ("scope", "EQUALS", "USER", "abc"),
        ("scope", "EQUALS", ["SYSTEM"], "d"),
        ("scope", "NOT_EQUALS", "SYSTEM", "abc"),
        ("scope", "EQUALS", ["USER", "SYSTEM"], "abcd"),
        ("childFilter", "EQUALS", "CHILD", "d"),
        ("childFilter", "EQUALS", "MAIN", "abc"),
        ("childFilter", "NOT_EQUALS", "MAIN", "d"),
        ("triggerExecutionId", "EQUALS", "a", "d"),
        ("triggerId", "EQUALS", "call", "d"),
        ("triggerId", "NOT_EQUALS", "call", "abc"),
        ("triggerId", "IS_NULL", "", "abc"),
        ("parentId", "IS_NOT_NULL", "", ""),
        ("startDate", "GREATER_THAN_OR_EQUAL_TO", at(3), "cd"),
        ("startDate", "LESS_THAN", "2026-03-01T13:00:03.123456+01:00", "ab"),
        ("startDate", "EQUALS", at(2), "b"),
        ("startDate", "NOT_EQUALS", at(2), "acd"),
        ("endDate", "LESS_THAN_OR_EQUAL_TO", at(3), "ab"),
        ("endDate", "IS_NULL", "", "cd"),
        ("taskId", "EQUALS", "extract", "ab"),
        ("taskId", "NOT_EQUALS", "load", "bcd"),
        ("taskId", "STARTS_WITH", "lo", "a"),
        ("labels", "EQUALS", {"team": "data"}, "a"),
        ("labels", "EQUALS", {"team": "data", "zone": "us"}, ""),
        ("labels", "NOT_EQUALS", {"team": "data"}, "bcd"),
        ("labels", "IN", {"team": ["data", "Data2"]}, "ad"),
        ("labels", "IN", {"team": "Data2", "zone": "eu-1"}, "ad"),
        ("labels", "NOT_IN", {"team": ["data", "Data2"]}, "bc"),
        ("labels", "CONTAINS", {"zone": "eu"}, "a"),
        ("q", "EQUALS", "A.B hello", "ab"),
        ("q", "EQUALS", "100%", "c"),
        ("q", "NOT_EQUALS", "hello", "c"),
        ("q", "EQUALS", "", "abcd"),
    ],
)  # fmt: skip
async def test_executions_are_found_by(executions, field, operation, value, expected):
    assert await executions(where(field, operation, value)) == expected


async def test_conditions_are_joined(executions):
    in_ab = Condition("namespace", "PREFIX", "a.b")
    failed, created = Condition("state", "EQUALS", "FAILED"), Condition("state", "EQUALS", "CREATED")

    assert await executions(both(in_ab, failed)) == "b"
    assert await executions(either(failed, created)) == "bcd"
    assert await executions(both(AnyOf((failed, created)), AllOf((in_ab,)))) == "b"
    assert await executions(both()) == "abcd"
    assert await executions(either()) == ""


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (where("colour", "EQUALS", "red"), "`colour` is not a filter of executions"),
        (where("state", "PREFIX", "S"), "known operations: EQUALS, IN, NOT_EQUALS, NOT_IN"),
        (where("state", "EQUALS", "DONE"), "`DONE` is none of BREAKPOINT"),
        (where("namespace", "EQUALS", {"a": "b"}), "is not text"),
        (where("namespace", "REGEX", "("), "is not a regular expression"),
        (where("startDate", "EQUALS", "yesterday"), "startDate"),
        (where("startDate", "EQUALS", "2026-03-01T00:00:00"), "offset"),
        (where("flowRevision", "EQUALS", "one"), "flowRevision"),
        (where("labels", "EQUALS", "team:data"), "map"),
        (where("scope", "EQUALS", "ALL"), "`ALL` is none of SYSTEM, USER"),
        (sorted_by("id; DROP TABLE executions"), "known columns: flowId, id, namespace"),
    ],
)
async def test_a_wrong_search_is_refused_with_what_is_known(store, search, said):
    with pytest.raises(InvalidRequest) as refused:
        await store.executions.search(search)

    assert said in str(refused.value)


async def ids(store, search):
    return "".join(each.id for each in (await store.executions.search(search)).results)


async def test_newest_executions_come_first(store, executions):
    assert await ids(store, Search()) == "dcba"


@pytest.mark.parametrize(
    ("column", "ascending"),
    [
        ("id", "abcd"),
        ("namespace", "abcd"),
        ("flowId", "cabd"),
        ("state.current", "cdba"),
        ("state.startDate", "abcd"),
        ("state.duration", "cdba"),
    ],
)
async def test_executions_are_sorted_by(store, executions, column, ascending):
    assert await ids(store, sorted_by(column)) == ascending
    assert await ids(store, sorted_by(column, descending=True)) == ascending[::-1]


async def test_a_second_order_decides_between_equals(store, executions):
    orders = (Order("flowId"), Order("state.startDate", descending=True))

    assert await ids(store, Search(order=orders)) == "cdba"


async def test_pages_cover_every_match_once(store):
    await store.commit(having(*(execution(f"e{n:02}") for n in range(25))))
    pages = [await store.executions.search(Search(offset=offset, limit=10)) for offset in (0, 10, 20, 30)]

    assert [len(page.results) for page in pages] == [10, 10, 5, 0]
    assert {page.total for page in pages} == {25}
    assert len({each.id for page in pages for each in page.results}) == 25


async def test_flows_are_found_by_their_newest_living_revision(store):
    await store.commit(
        Batch(
            flows=[
                flow("a", description="Loads the Orders", labels=labels(team="old")),
                flow("a", 2, description="Loads the Orders", labels=labels(team="data")),
                flow("b", namespace="system", disabled=True),
                flow("c"),
                flow("c", 2, deleted=True),
            ]
        )
    )

    async def found(search: Search) -> list[tuple[str, int]]:
        page = await store.flows.search(search)
        assert page.total == len(page.results)
        return [(each.id, each.revision) for each in page.results]

    assert await found(Search()) == [("a", 2), ("b", 1)]
    assert await found(sorted_by("namespace", descending=True)) == [("b", 1), ("a", 2)]
    assert await found(where("q", "EQUALS", "orders")) == [("a", 2)]
    assert await found(where("labels", "EQUALS", {"team": "old"})) == []
    assert await found(where("labels", "EQUALS", {"team": "data"})) == [("a", 2)]
    assert await found(where("enabled", "EQUALS", "false")) == [("b", 1)]
    assert await found(where("enabled", "NOT_EQUALS", True)) == [("b", 1)]
    assert await found(where("scope", "EQUALS", "USER")) == [("a", 2)]
    assert await found(where("updated", "GREATER_THAN", at(1))) == [("a", 2)]
    assert await found(where("flowId", "IN", ["b", "c"])) == [("b", 1)]
    with pytest.raises(InvalidRequest, match="`state` is not a filter of flows"):
        await found(where("state", "EQUALS", "RUNNING"))


async def test_log_lines_are_found(store):
    await store.commit(
        Batch(
            logs=[
                line("one Fish", at=at(1), level=LogLevel.DEBUG, trigger_id="g"),
                line("two fish", at=at(3), level=LogLevel.WARN),
                line("red", at=at(2), level=LogLevel.ERROR, namespace="system", task_id="t2", attempt=2),
            ]
        )
    )

    async def found(search: Search) -> list[str]:
        return [each.message.split()[0] for each in (await store.logs.search(search)).results]

    assert await found(Search()) == ["two", "red", "one"]
    assert await found(sorted_by("timestamp")) == ["one", "red", "two"]
    assert await found(where("q", "EQUALS", "FISH")) == ["two", "one"]
    assert await found(where("level", "EQUALS", "WARN")) == ["two", "red"]
    assert await found(where("level", "NOT_EQUALS", "WARN")) == ["one"]
    assert await found(where("level", "IN", ["DEBUG", "ERROR"])) == ["red", "one"]
    assert await found(where("startDate", "GREATER_THAN", at(1))) == ["two", "red"]
    assert await found(where("endDate", "LESS_THAN", at(2))) == ["one"]
    assert await found(where("taskId", "EQUALS", "t2")) == ["red"]
    assert await found(where("attemptNumber", "EQUALS", "2")) == ["red"]
    assert await found(where("triggerId", "IS_NOT_NULL", "")) == ["one"]
    assert await found(where("executionId", "EQUALS", "e2")) == []
    assert await found(where("scope", "EQUALS", "SYSTEM")) == ["red"]


async def test_keys_are_found_while_they_live(store):
    await store.kv.put(entry("alpha", description="An Orders token", updated_at=at(5)))
    await store.kv.put(entry("beta", namespace="company", expires_at=at(10)))
    await store.kv.put(entry("old", expires_at=at(1)))

    async def found(search: Search) -> list[str]:
        return [each.key for each in (await store.kv.search(search, at(1))).results]

    assert await found(Search()) == ["alpha", "beta"]
    assert await found(sorted_by("updateDate", descending=True)) == ["alpha", "beta"]
    assert await found(where("q", "EQUALS", "orders")) == ["alpha"]
    assert await found(where("namespace", "PREFIX", "company")) == ["alpha", "beta"]
    assert await found(where("updated", "LESS_THAN_OR_EQUAL_TO", NOON)) == ["beta"]
    assert await found(where("expirationDate", "IS_NOT_NULL", "")) == ["beta"]
