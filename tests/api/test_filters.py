from __future__ import annotations

from datetime import UTC, datetime

import pytest

from batuta.store.port import AllOf, AnyOf, Condition, Criteria
from batuta.web import filters
from batuta.web.query import Query

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(text: str, allowed: frozenset[str] = filters.EXECUTIONS) -> Criteria:
    return filters.criteria(Query(text.encode()), allowed, NOW)


@pytest.mark.parametrize(
    ("text", "criteria"),
    [
        ("", AllOf()),
        ("filters[flowId][EQUALS]=a", Condition("flowId", "EQUALS", "a")),
        ("filters%5Bnamespace%5D%5BPREFIX%5D=a.b", Condition("namespace", "PREFIX", "a.b")),
        ("filters[FLOW_ID][equals]=a", Condition("flowId", "EQUALS", "a")),
        ("filters[QUERY][EQUALS]=a b", Condition("q", "EQUALS", "a b")),
        ("filters[state][IN]=[FAILED,KILLED]", Condition("state", "IN", ["FAILED", "KILLED"])),
        ("filters[state][EQUALS]=A&filters[state][EQUALS]=B", Condition("state", "IN", ["A", "B"])),
        (
            "filters[labels][EQUALS][a]=1&filters[labels][EQUALS][b.c]=x,y",
            Condition("labels", "EQUALS", {"a": "1", "b.c": "x,y"}),
        ),
        (
            "filters[labels][IN][a]=x, y&filters[labels][IN][b]=1&filters[labels][IN][a]=z",
            Condition("labels", "IN", {"a": ["x, y", "x", "y", "z"], "b": ["1"]}),
        ),
        (
            "filters[labels][NOT_EQUALS][a]=x,y&filters[labels][NOT_EQUALS][a]=z",
            Condition("labels", "NOT_EQUALS", {"a": ["x,y", "z"]}),
        ),
        ("filters[scope][EQUALS]=USER,SYSTEM", Condition("scope", "EQUALS", ["USER", "SYSTEM"])),
        ("scope=USER&scope=SYSTEM", Condition("scope", "EQUALS", ["USER", "SYSTEM"])),
        (
            "filters[timeRange][EQUALS]=P1D",
            Condition("startDate", "GREATER_THAN_OR_EQUAL_TO", datetime(2026, 2, 28, tzinfo=UTC)),
        ),
        (
            "filters[endDate][LESS_THAN]=2026-01-01T00:00:00.000Z",
            Condition("endDate", "LESS_THAN", datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        (
            "filters[or][0][flowId][EQUALS]=a&filters[or][1][flowId][EQUALS]=b",
            AnyOf((Condition("flowId", "EQUALS", "a"), Condition("flowId", "EQUALS", "b"))),
        ),
        (
            "filters[and][0][namespace][EQUALS]=n&filters[and][1][or][0][flowId][EQUALS]=a"
            "&filters[and][1][or][1][flowId][EQUALS]=b",
            AllOf(
                (
                    Condition("namespace", "EQUALS", "n"),
                    AnyOf((Condition("flowId", "EQUALS", "a"), Condition("flowId", "EQUALS", "b"))),
                )
            ),
        ),
        ("namespace=a&filters[flowId][EQUALS]=b", Condition("flowId", "EQUALS", "b")),
        ("namespace=a", Condition("namespace", "PREFIX", "a")),
        ("state=A&state=B", Condition("state", "IN", ["A", "B"])),
        ("labels=a:b:c&labels=d e", Condition("labels", "EQUALS", {"a": "b:c", "d": "e"})),
        ("parentId=a", AllOf()),
        ("filters[parentId][IS_NULL]=", Condition("parentId", "IS_NULL", None)),
    ],
)
def test_reading(text: str, criteria: Criteria):
    assert read(text) == criteria


def test_every_wrong_filter_is_told():
    with pytest.raises(filters.InvalidFilters) as refused:
        read(
            "filters[nothing][EQUALS]=1&filters[flowId][NEAR]=1&filters[flowId]=1&filters[state][EQUALS][k]=1"
        )

    assert len(refused.value.problems) == 4


def test_a_change_refuses_flat_parameters_and_finds_all_without_any():
    with pytest.raises(filters.InvalidFilters, match="state"):
        filters.criteria_of_change(Query(b"state=FAILED"), filters.EXECUTIONS, NOW)

    assert filters.criteria_of_change(Query(b"page=1"), filters.EXECUTIONS, NOW) == AllOf()


def test_a_change_accepts_a_flat_parameter_that_repeats_a_filter():
    flat, filter = "flowId=a", "filters[flowId][EQUALS]=a"

    both = filters.criteria_of_change(Query(f"{flat}&{filter}".encode()), filters.TRIGGERS, NOW)

    assert both == filters.criteria_of_change(Query(filter.encode()), filters.TRIGGERS, NOW)
    with pytest.raises(filters.InvalidFilters, match="flowId"):
        filters.criteria_of_change(Query(f"flowId=b&{filter}".encode()), filters.TRIGGERS, NOW)
