"""Suites as text: what they mean, and what is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from batuta import flows
from batuta.model.state import State
from batuta.testing.operators import Operator
from batuta.testing.recognising import looks_like_suite
from batuta.testing.suite import AttemptFixture
from batuta.testing.suite_check import mismatches
from batuta.testing.suite_reader import parse_suite, read_suite

SUITE = """\
id: daily-tests
namespace: acme.sales
flowId: daily
testCases:
  - id: totals
    type: io.kestra.core.tests.flow.UnitTest
    fixtures:
      inputs: {day: "2026-02-28"}
      tasks:
        - id: load
          outputs: {uri: "{{ files['rows.csv'] }}"}
    assertions:
      - {value: "{{ outputs.total.value }}", equalTo: "1", greaterThan: 0}
"""
FLOW = """\
id: daily
namespace: acme.sales
inputs:
  - {id: day, type: STRING}
tasks:
  - {id: load, type: io.kestra.plugin.core.debug.Return, format: x}
  - {id: total, type: io.kestra.plugin.core.debug.Return, format: x}
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: left, type: io.kestra.plugin.core.debug.Return, format: x}
      - {id: right, type: io.kestra.plugin.core.debug.Return, format: x}
  - id: here
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - {id: inner, type: io.kestra.plugin.core.debug.Return, format: x}
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: acme.sales, flowId: other}
triggers:
  - {id: nightly, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 1 * * *"}
"""


def complaints(source: str) -> list[str]:
    return [f"{each.line}:{each.column} {each}" for each in read_suite(source).violations]


def unfit(source: str) -> list[str]:
    reading = read_suite(source)
    assert reading.suite is not None, reading.violations
    found = mismatches(reading, reading.suite, flows.parse(FLOW))
    return [f"{each.line}:{each.column} {each} ({each.hint})" for each in found]


def test_a_suite_is_what_its_text_says():
    suite = parse_suite(SUITE)

    case = suite.cases[0]
    assert (suite.id, str(suite.flow_key), suite.disabled) == ("daily-tests", "acme.sales.daily", False)
    assert case.fixtures.inputs == {"day": "2026-02-28"}
    assert case.fixtures.tasks[0].attempts == (AttemptFixture(outputs={"uri": "{{ files['rows.csv'] }}"}),)
    assert case.assertions[0].expected == ((Operator.EQUAL_TO, "1"), (Operator.GREATER_THAN, 0))
    assert (case.line, case.assertions[0].line) == (5, 13)


def test_attempts_state_duration_and_clock_can_be_given():
    suite = parse_suite(
        SUITE.replace(
            "        - id: load\n",
            "        - {id: total, value: a, state: FAILED, duration: PT5M}\n"
            "        - {id: left, attempts: [{state: FAILED}, {outputs: {a: 1}}]}\n"
            "        - id: load\n",
        ).replace("    fixtures:\n", "    fixtures:\n      now: 2026-02-28T06:00:00+01:00\n")
    )

    fixtures = suite.cases[0].fixtures
    assert fixtures.now == datetime(2026, 2, 28, 5, tzinfo=UTC)
    assert fixtures.tasks[0].value == "a"
    assert fixtures.tasks[0].attempts == (AttemptFixture(state=State.FAILED, duration=timedelta(minutes=5)),)
    assert [each.state for each in fixtures.tasks[1].attempts] == ["FAILED", "SUCCESS"]


def test_fixtures_of_a_case_are_laid_over_those_of_its_suite():
    suite = parse_suite(
        SUITE + "fixtures:\n  inputs: {day: x, other: y}\n  tasks: [{id: load, state: FAILED}, {id: total}]\n"
    )

    fixtures = suite.cases[0].fixtures.over(suite.fixtures)
    assert fixtures.inputs == {"day": "2026-02-28", "other": "y"}
    assert [(each.id, each.attempts[0].state) for each in fixtures.tasks] == [
        ("load", "SUCCESS"),
        ("total", "SUCCESS"),
    ]


def test_secrets_are_not_shown_again():
    suite = parse_suite(SUITE.replace("    fixtures:\n", "    fixtures:\n      secrets: {KEY: abc}\n"))

    assert suite.cases[0].written["secrets"] == {"KEY": "******"}
    assert suite.cases[0].fixtures.secrets == {"KEY": "abc"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("id: daily-tests\n", ""), "1:1 id: must not be null"),
        (("namespace: acme.sales", "namespace: Acme"), "2:12 namespace: must match"),
        (
            ("flowId", "flow"),
            '3:1 flow: Unrecognized field "flow" (class io.kestra.core.tests.flow.TestSuite)',
        ),
        (
            ("    type: io.kestra.core.tests.flow.UnitTest\n", ""),
            "5:5 testCases[totals].type: must not be null",
        ),
        (("flow.UnitTest", "flow.LoadTest"), "Invalid type: io.kestra.core.tests.flow.LoadTest"),
        (
            ("equalTo", "equalsTo"),
            '13:46 testCases[totals].assertions[0].equalsTo: Unrecognized field "equalsTo"',
        ),
        (('equalTo: "1", greaterThan: 0', "taskId: total"), "an assertion without an operator"),
        (('equalTo: "1"', "in: 1"), "`in` takes a list"),
        (("greaterThan: 0", "isNull: maybe"), "`isNull` takes true or false"),
        (("outputs.total.value }}", "outputs.total.value"), "13:17 testCases[totals].assertions[0].value: "),
        (("- id: load\n", "- id: load\n          state: PAUSED\n"), "a task does not end as PAUSED"),
        (("- id: load\n", "- id: load\n        - id: load\n"), "the task `load` has two fixtures"),
        (("- id: load\n", "- id: load\n          attempts: []\n"), "stands beside `attempts`"),
        (("fixtures:\n", "fixtures:\n      now: yesterday\n"), "`yesterday` is not an instant"),
        (("fixtures:\n", "fixtures:\n      file: {}\n"), 'Unrecognized field "file"'),
        (("fixtures:\n", "fixtures:\n      files: {a: [1]}\n"), "`a` must be text, but is a list"),
        (("inputs: {day", "inputs: {day: x, day"), "Duplicate field 'day'"),
        (("    assertions:\n", "    asserts:\n"), "testCases[totals].assertions: must not be null"),
        ((SUITE, "- a"), "1:1 yaml: Illegal test suite yaml: a test suite is a map, but this is a list"),
        ((SUITE, "testCases: ["), "Illegal test suite yaml"),
        (("testCases:", "testCases: []\nother:"), "testCases: must not be empty"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change, complaint):
    found = complaints(SUITE.replace(*change))

    assert any(complaint in each for each in found), found


def test_two_cases_of_one_name_are_refused():
    twice = SUITE + SUITE.partition("testCases:\n")[2]

    assert complaints(twice) == ["14:9 testCases[totals].id: Duplicate test case id: totals"]


def test_a_misspelt_operator_gets_a_suggestion():
    (violation,) = read_suite(SUITE.replace("equalTo", "equalsTo")).violations

    assert violation.hint == "did you mean `equalTo`?"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("id: load", "id: lode"),
            "10:15 testCases[totals].fixtures.tasks[lode].id: `lode` is not a task of the flow "
            "acme.sales.daily (did you mean `load`?)",
        ),
        (
            ("id: load", "id: both"),
            "`both` arranges other tasks, so it has no fixture of its own "
            "(write fixtures for `left`, `right` instead)",
        ),
        (("inputs: {day", "inputs: {dya"), "`dya` is not an input of the flow (did you mean `day`?)"),
        (
            ('equalTo: "1"', 'taskId: totl, equalTo: "1"'),
            "`totl` is not a task of the flow acme.sales.daily (did you mean `total`?)",
        ),
        (
            ("- id: load\n", "- id: inner\n          state: WARNING\n"),
            "a task of a WorkingDirectory ends as SUCCESS or FAILED, not as WARNING",
        ),
        (
            ("- id: load\n", "- id: call\n          value: a\n"),
            "`call` starts or stops executions, so its fixture is for every value (leave `value` out)",
        ),
        (
            ("fixtures:\n", "fixtures:\n      trigger: {id: daily, type: t}\n"),
            "`daily` is not a trigger of the flow acme.sales.daily (the flow has: nightly)",
        ),
    ],
)
def test_what_does_not_fit_the_flow_is_told(change, complaint):
    found = unfit(SUITE.replace(*change))

    assert any(complaint in each for each in found), found


def test_a_suite_is_told_from_a_flow_at_a_glance():
    assert looks_like_suite(SUITE)
    assert not looks_like_suite(FLOW)
    assert not looks_like_suite("id: x\ndescription: |\n  testCases: are not here\n")
