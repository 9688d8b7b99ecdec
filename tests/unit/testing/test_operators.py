"""The operators of assertions (flow spec §18)."""

from __future__ import annotations

import pytest

from batuta.expr import printing
from batuta.testing.operators import Actual, Operator, Unfit, holds


def asks(operator: str, actual, expected) -> bool:
    text = None if actual is None else printing.text(actual)
    return holds(Operator(operator), Actual(actual, text), expected)


@pytest.mark.parametrize(
    ("operator", "actual", "expected"),
    [
        ("equalTo", "1", 1),
        ("equalTo", 1, "1.0"),
        ("equalTo", "001", 1),
        ("equalTo", True, "true"),
        ("equalTo", "true", True),
        ("equalTo", ["a", "b"], ["a", "b"]),
        ("equalTo", '["a", "b"]', ["a", "b"]),
        ("equalTo", {"a": 1}, {"a": 1}),
        ("equalTo", None, None),
        ("equalTo", "", ""),
        ("notEqualTo", "a", "b"),
        ("notEqualTo", None, "b"),
        ("notEqualTo", "nan", 0),
        ("contains", "all is well", "is"),
        ("contains", ["a", "b"], "b"),
        ("contains", [1, 2], "2"),
        ("contains", 12345, 34),
        ("startsWith", "prod-7", "prod-"),
        ("endsWith", "rows.json", ".json"),
        ("isNull", None, True),
        ("isNull", "x", False),
        ("isNull", None, "true"),
        ("isNotNull", "", True),
        ("isNotNull", None, False),
        ("greaterThan", "10", 9),
        ("greaterThan", "2026-02-02", "2026-02-01"),
        ("greaterThan", "b", "a"),
        ("greaterThanOrEqualTo", 5, 5.0),
        ("lessThan", -1, 0),
        ("lessThan", "9007199254740992", "9007199254740993"),
        ("lessThanOrEqualTo", "5", "5"),
        ("in", 200, [200, 201]),
        ("in", "200", [200, 201]),
        ("in", None, [None]),
        ("notIn", 404, [200, 201]),
    ],
)
def test_it_holds(operator, actual, expected):
    assert asks(operator, actual, expected)


@pytest.mark.parametrize(
    ("operator", "actual", "expected"),
    [
        ("equalTo", "10", "9"),
        ("equalTo", None, ""),
        ("equalTo", "", None),
        ("equalTo", "1_000", 1000),
        ("equalTo", ["a"], ["b"]),
        ("equalTo", "not json", ["a"]),
        ("notEqualTo", 1, "1"),
        ("contains", None, "x"),
        ("contains", "abc", "B"),
        ("startsWith", None, ""),
        ("greaterThan", None, 1),
        ("greaterThan", 9, 10),
        ("greaterThan", "9", "10"),
        ("lessThan", "", None),
        ("isNotNull", None, True),
        ("isNull", "null", True),
        ("in", "a", []),
        ("notIn", 200, ["200"]),
    ],
)
def test_it_does_not_hold(operator, actual, expected):
    assert not asks(operator, actual, expected)


@pytest.mark.parametrize(
    ("operator", "expected", "complaint"),
    [
        ("in", "200", "a list was expected, but it is `200`"),
        ("isNull", "maybe", "`true` or `false` was expected, but it is `maybe`"),
        ("greaterThan", [1], "nothing is more or less than a list"),
    ],
)
def test_it_cannot_compare_with_everything(operator, expected, complaint):
    with pytest.raises(Unfit, match=complaint):
        asks(operator, "x", expected)
