"""What each condition of a trigger says about an occasion."""

from __future__ import annotations

import pytest

from batuta import expr
from batuta.errors import BatutaError
from batuta.firing.scene import Scene, Upstream
from batuta.model.execution import Attempt, Execution, TaskRun
from batuta.model.flow import Flow
from batuta.model.labels import Label
from batuta.model.state import History, State
from tests.conformance.samples import NOON

OWNER = Flow(id="owner", namespace="company.team")


def scene(date="2026-03-02T09:00:00Z", upstream=None):
    names = {"trigger": {"date": date, "outputs": {"n": 42}}}
    return Scene(OWNER, names, facts=expr.Facts(), options=expr.Options(), forms={}, upstream=upstream)


def holds(type, *, on=None, **properties):
    return (on or scene()).holds({"type": f"io.kestra.plugin.core.condition.{type}", **properties})


@pytest.mark.parametrize(
    ("date", "properties", "expected"),
    [
        ("2026-03-02T09:00:00Z", {"after": "2026-03-02T08:59:59Z"}, True),
        ("2026-03-02T09:00:00Z", {"after": "2026-03-02T09:00:00Z"}, False),
        ("2026-03-02T09:00:00+02:00", {"before": "2026-03-02T07:00:01Z"}, True),
        ("2026-03-02T09:00:00Z", {"after": "2026-01-01T00:00:00Z", "before": "2026-02-01T00:00:00Z"}, False),
    ],
)
def test_a_date_between(date, properties, expected):
    assert holds("DateTimeBetween", on=scene(date), **properties) is expected


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        ("08:00:00Z", "10:00:00Z", True),
        ("09:00:00Z", "10:00:00Z", False),
        ("22:00:00Z", "10:00:00Z", True),
        ("22:00:00Z", "06:00:00Z", False),
        (None, "11:30:00+02:00", True),
        ("10:00:00+00:00", None, False),
    ],
)
def test_a_time_between_may_cross_midnight(after, before, expected):
    given = {name: value for name, value in (("after", after), ("before", before)) if value}
    assert holds("TimeBetween", **given) is expected


def test_bounds_are_needed():
    for kind in ("DateTimeBetween", "TimeBetween"):
        with pytest.raises(BatutaError, match="needs `after`, `before` or both"):
            holds(kind)


def test_days_are_those_of_the_offset_that_is_given():
    assert holds("DayWeek", dayOfWeek="MONDAY")
    assert holds("DayWeek", on=scene("2026-03-01T23:30:00-02:00"), dayOfWeek="SUNDAY")
    assert holds("Weekend", on=scene("2026-03-01T00:00:00Z"))
    assert not holds("Weekend")


@pytest.mark.parametrize(
    ("date", "place", "expected"),
    [
        ("2026-03-02", "FIRST", True),
        ("2026-03-09", "SECOND", True),
        ("2026-03-23", "FOURTH", True),
        ("2026-03-23", "LAST", False),
        ("2026-03-30", "LAST", True),
        ("2026-03-03", "FIRST", False),
    ],
)
def test_which_monday_of_a_month(date, place, expected):
    assert holds("DayWeekInMonth", date=date, dayOfWeek="MONDAY", dayInMonth=place) is expected


def test_public_holidays_of_a_country_and_its_parts():
    assert holds("PublicHoliday", date="2026-07-14", country="FR")
    assert not holds("PublicHoliday", date="2026-07-15", country="FR")
    assert holds("PublicHoliday", date="2026-01-06", country="DE", subDivision="DE-BY")
    assert not holds("PublicHoliday", date="2026-01-06", country="DE", subDivision="BE")
    with pytest.raises(BatutaError, match="no public holidays are known"):
        holds("PublicHoliday", country="XX")


def test_not_and_or_ask_what_is_inside():
    monday = {"type": "io.kestra.plugin.core.condition.DayWeek", "dayOfWeek": "MONDAY"}
    sunday = {**monday, "dayOfWeek": "SUNDAY"}
    assert holds("Or", conditions=[sunday, monday])
    assert not holds("Or", conditions=[sunday])
    assert holds("Not", conditions=[sunday])
    assert not holds("Not", conditions=[sunday, monday])


@pytest.mark.parametrize(
    ("text", "expected"), [("{{ 1 == 1 }}", True), ("false", False), ("  ", False), ("no", True)]
)
def test_an_expression(text, expected):
    assert holds("Expression", expression=text) is expected


def other(state=State.SUCCESS, outputs=None, runs=None):
    execution = Execution(
        id="e1",
        namespace="company.data",
        flow_id="load",
        revision=1,
        state=History.starting(NOON, state),
        original_id="e1",
        labels=(Label("team", "data"), Label("n", "1")),
        outputs=outputs,
    )
    return scene(upstream=Upstream(execution, state, runs=runs or []))


def test_the_other_flow_and_its_namespace():
    assert holds("ExecutionFlow", on=other(), namespace="company.data", flowId="load")
    assert not holds("ExecutionFlow", on=other(), namespace="company.data", flowId="other")
    assert holds("ExecutionNamespace", on=other(), namespace="company.data")
    assert holds("ExecutionNamespace", on=other(), namespace="comp", comparison="PREFIX")
    assert holds("ExecutionNamespace", on=other(), namespace="company", prefix=True)
    assert not holds("ExecutionNamespace", on=other(), namespace="company", comparison="EQUALS", prefix=True)
    assert holds("ExecutionNamespace", on=other(), namespace=".data", comparison="SUFFIX")


def test_the_state_labels_and_outputs_of_the_other_execution():
    assert holds("ExecutionStatus", on=other(), **{"in": ["SUCCESS"]})
    assert not holds("ExecutionStatus", on=other(), notIn=["SUCCESS"])
    assert holds("ExecutionLabels", on=other(), labels={"team": "data", "n": 1})
    assert not holds("ExecutionLabels", on=other(), labels=[{"key": "team", "value": "ops"}])
    condition = {"expression": "{{ trigger.outputs.n == 42 }}"}
    assert holds("ExecutionOutputs", on=other(outputs={"n": 42}), **condition)
    assert not holds("ExecutionOutputs", on=other(), **condition)


def test_whether_something_was_tried_again():
    attempts = tuple(Attempt(History.starting(NOON, state)) for state in (State.FAILED, State.SUCCESS))
    run = TaskRun(id="r", ordinal=0, task_id="t", state=History.starting(NOON), attempts=attempts)
    assert holds("HasRetryAttempt", on=other(runs=[run]), **{"in": ["FAILED"]})
    assert not holds("HasRetryAttempt", on=other(runs=[run]), **{"in": ["KILLED"]})
    assert not holds("HasRetryAttempt", on=other(), **{"in": ["FAILED"]})


def test_the_flow_that_has_the_trigger():
    assert holds("FlowCondition", namespace="company.team", flowId="owner")
    assert holds("FlowNamespaceCondition", namespace="company", prefix=True)
    assert not holds("FlowNamespaceCondition", namespace="company")


def test_a_question_about_an_execution_needs_one():
    with pytest.raises(BatutaError, match="reacts to none"):
        holds("ExecutionFlow", namespace="a", flowId="b")


def test_older_names_are_the_same_conditions():
    on = other()
    assert on.holds(
        {"type": "io.kestra.core.models.conditions.types.ExecutionStatusCondition", "in": ["SUCCESS"]}
    )
    assert on.holds(
        {"type": "io.kestra.core.models.conditions.types.VariableCondition", "expression": "true"}
    )
    assert on.holds({"type": "io.kestra.plugin.core.condition.ExpressionCondition", "expression": "true"})
