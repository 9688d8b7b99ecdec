"""Values that are too large for a row, and what stands in their place."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from batuta.model import stored

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HOMES = ("/executions/e1/values/",)
OWN = "kestra:///company/f/executions/e1/values/t-1-0-value.json"


@given(JSON)
def test_a_value_without_marks_stays_the_object_that_it_is(value: Any) -> None:
    assert stored.revived(value, HOMES) is value
    assert stored.shown(value) is value
    assert not stored.holds_stored(value)


def test_a_mark_becomes_a_stored_value_for_expressions_and_its_uri_for_people() -> None:
    outputs = {"small": 1, "big": stored.mark(OWN, 70_000), "list": [{"deep": stored.mark(OWN, 5)}]}

    revived = stored.revived(outputs, HOMES)

    assert revived["big"] == stored.StoredValue(OWN, 70_000)
    assert revived["list"][0]["deep"] == stored.StoredValue(OWN, 5)
    assert stored.holds_stored(revived)
    assert stored.shown(outputs) == {"small": 1, "big": OWN, "list": [{"deep": OWN}]}
    assert stored.marks({"big": outputs["big"]}) == {OWN: 70_000}


def test_a_mark_of_another_execution_is_a_plain_value() -> None:
    forged = {"value": stored.mark("kestra:///company/f/executions/other/values/x.json", 1)}

    assert stored.revived(forged, HOMES) is forged


@given(JSON, st.integers(0, 40))
def test_the_size_is_never_overestimated(value: Any, times: int) -> None:
    values = [value] * times

    if stored.is_large(values):
        assert len(msgspec.json.encode(values)) > stored.MOST_BYTES / 4


def test_a_long_text_and_a_long_list_are_large() -> None:
    assert stored.is_large("x" * (stored.MOST_BYTES + 1))
    assert stored.is_large(list(range(30_000)))
    assert stored.is_large({"deep": [{"deeper": "x" * 70_000}]})
    assert not stored.is_large({"text": "x" * 60_000})
