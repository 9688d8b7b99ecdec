"""If and Switch (flow spec §6.4, §6.5)."""

from __future__ import annotations

import pytest

from batuta.model.state import State
from batuta.testing.run import run
from tests.support.shorthand import flow

IF = """
inputs: [{id: go, type: STRING}]
tasks: [{If: i, condition: '{{ inputs.go }}', then: [a], else: [b]}, c]
"""


@pytest.mark.parametrize(
    ("value", "taken"), [("true", "a"), ("yes", "a"), ("false", "b"), ("0", "b"), ("-0", "b")]
)
def test_a_condition_chooses_the_list(value, taken):
    done = run(flow(IF), inputs={"go": value})

    assert list(done.runs) == ["i", taken, "c"]
    assert done.outputs["i"] == {"evaluationResult": taken == "a"}


def test_without_else_a_false_condition_does_nothing():
    done = run(flow("tasks: [{If: i, condition: 'false', then: [a]}, c]"))

    assert done.runs == {"i": "SUCCESS", "c": "SUCCESS"}


def test_the_condition_is_evaluated_once():
    done = run(
        flow(
            """
            tasks:
              - If: i
                condition: "{{ tasks.a is not defined }}"
                then: [a, b]
            """
        )
    )

    assert done.runs == {"i": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS"}


def test_handlers_of_an_if_run():
    done = run(
        flow("tasks: [{If: i, condition: 'true', then: [bad], errors: [e], finally: [f]}]"),
        given={"bad": State.FAILED},
    )

    assert done.runs == {"i": "FAILED", "bad": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}


def test_a_condition_that_cannot_be_rendered_fails_the_if():
    done = run(flow("tasks: [{If: i, condition: '{{ nothing }}', then: [a]}]"))

    assert done.runs == {"i": "FAILED"}


SWITCH = """
inputs: [{id: color, type: STRING}]
tasks:
  - Switch: s
    value: "{{ inputs.color }}"
    cases: {green: [g], "1": [one], "true": [t]}
    defaults: [d]
"""


@pytest.mark.parametrize(("value", "taken"), [("green", "g"), ("1", "one"), ("true", "t"), ("blue", "d")])
def test_a_switch_takes_the_case_that_equals_the_value(value, taken):
    done = run(flow(SWITCH), inputs={"color": value})

    assert list(done.runs) == ["s", taken]
    assert done.outputs["s"] == {"value": value, "defaults": taken == "d"}


def test_a_switch_without_a_fitting_case_fails():
    done = run(flow("tasks: [{Switch: s, value: x, cases: {y: [a]}}]"))

    assert done.runs == {"s": "FAILED"}
    assert "No task found on task 's'" in done.log
