"""The old `listeners`: a conditional `afterExecution` (flow spec §1.1)."""

from __future__ import annotations

from batuta import flows
from batuta.model.state import State
from batuta.testing.run import run

SOURCE = """
id: f
namespace: company.team
tasks:
  - {id: a, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
listeners:
  - description: only when it went wrong
    conditions:
      - {type: io.kestra.plugin.core.condition.ExecutionStatusCondition, in: [FAILED]}
    tasks:
      - {id: alarm, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
  - conditions:
      - type: io.kestra.plugin.core.condition.ExpressionCondition
        expression: "{{ flow.namespace == 'company.team' }}"
    tasks:
      - {id: note, type: io.kestra.plugin.core.flow.Sleep, duration: PT1S}
"""


def test_a_listener_runs_at_the_end_if_its_conditions_hold():
    done = run(SOURCE, given={"a": State.FAILED})

    assert done.state is State.FAILED
    assert done.runs == {"a": "FAILED", "alarm": "SUCCESS", "note": "SUCCESS"}


def test_a_listener_whose_conditions_do_not_hold_is_skipped():
    done = run(SOURCE)

    assert done.state is State.SUCCESS
    assert done.runs == {"a": "SUCCESS", "alarm": "SKIPPED", "note": "SUCCESS"}


def test_listeners_are_an_old_spelling_and_their_mistakes_are_told():
    reading = flows.read(SOURCE)
    wrong = flows.read(SOURCE.replace("ExecutionStatusCondition, in", "ExecutionStatusCondition, inn"))

    assert reading.deprecations == ("listeners",)
    assert reading.violations == ()
    assert "inn" in str(wrong.constraints)
