"""ForEach and its older forms, LoopUntil, and pauses inside of a Loop (flow spec §6.6 to §6.10)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from batuta import flows
from batuta.engine import commands as do
from batuta.engine import events as on
from batuta.engine.draft import GROWTH_TIMER, MOST_STARTS
from batuta.engine.ledger import Ledger
from batuta.engine.lifecycle import new_execution
from batuta.engine.machine import advance
from batuta.engine.outline import outline_of
from batuta.engine.world import World
from batuta.model.state import State
from batuta.testing.run import Outcome, Simulation, run
from tests.support.shorthand import flow

HELD = Outcome(held=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_groups_run_one_after_the_other_and_equal_values_once():
    done = run(flow("tasks: [{ForEach: each, values: [a, a, b], tasks: [t1, t2]}]"))

    assert list(done.runs) == ["each", "t1[a]", "t2[a]", "t1[b]", "t2[b]"]
    assert [r.iteration for r in done.ledger.runs.values()] == [None, 0, 0, 1, 1]
    assert done.state is State.SUCCESS


def test_under_a_limit_groups_run_side_by_side_and_in_order_inside():
    done = run(
        flow("tasks: [{ForEach: each, concurrencyLimit: 2, values: [a, b, c, d], tasks: [t1, t2]}]"),
        given={"t1": HELD, "t2": HELD},
    )
    assert list(done.runs) == ["each", "t1[a]", "t1[b]"]

    done.release("t1[b]")
    assert list(done.runs) == ["each", "t1[a]", "t1[b]", "t2[b]"]

    done.release("t2[b]")
    assert list(done.runs)[-1] == "t1[c]"
    assert len(done.simulation.held) == 2


def test_without_a_limit_all_groups_start():
    done = run(
        flow("tasks: [{ForEach: each, concurrencyLimit: 0, values: [1, 2, 3], tasks: [t1, t2]}]"),
        given={"t1": HELD},
    )

    assert list(done.runs) == ["each", "t1[1]", "t1[2]", "t1[3]"]


@pytest.mark.parametrize("loop", ["ForEach: each, concurrencyLimit: 0, values", "EachParallel: each, value"])
def test_a_loop_over_very_many_values_starts_them_in_portions_and_all_of_them(loop):
    done = run(
        flow(f"tasks: [{{{loop}: '{{{{ range(1, 1000) }}}}', tasks: [t1, t2]}}]"),
        given={"t1": HELD, "t2": HELD},
    )
    parallel = loop.startswith("EachParallel")
    assert len(done.simulation.held) == (2000 if parallel else 1000)

    for value in (1000, 1):
        done.release(f"t1[{value}]")

    assert len(done.simulation.held) == (1998 if parallel else 1000)
    assert {"t2[1000]", "t2[1]"} <= set(done.runs)


def test_a_step_starts_no_more_than_a_portion():
    parsed = flows.parse(
        flow("tasks: [{ForEach: each, concurrencyLimit: 0, values: '{{ range(1, 2000) }}', tasks: [t]}]")
    )
    execution = new_execution(parsed, id="e", inputs={}, now=NOW)
    ledger = Ledger(execution, outline_of(parsed))

    step = advance(ledger, on.ExecutionCreated(execution_id="e"), now=NOW, world=World())

    assert len(step.task_runs) == MOST_STARTS + 1
    timers = [command for command in step.commands if isinstance(command, do.SetTimer)]
    assert [timer.timer for timer in timers] == [GROWTH_TIMER]


@pytest.mark.parametrize("values", ['["a", "b"]', "{{ ['a', 'b'] }}", ["a", "b"], ["{{ 'a' }}", "b"]])
def test_values_may_be_written_in_many_ways(values):
    import json

    done = run(flow(f"tasks: [{{ForEach: each, values: {json.dumps(values)}, tasks: [t]}}]"))

    assert list(done.runs) == ["each", "t[a]", "t[b]"]


def test_elements_that_are_no_text_become_json():
    done = run(flow('tasks: [{ForEach: each, values: ["x", 2, {name: n}, [1, 2]], tasks: [t]}]'))

    assert list(done.runs) == ["each", "t[x]", "t[2]", 't[{"name":"n"}]', "t[[1,2]]"]


def test_an_empty_list_succeeds_at_once():
    done = run(flow("tasks: [{ForEach: each, values: [], tasks: [t]}, end]"))

    assert done.runs == {"each": "SUCCESS", "end": "SUCCESS"}


def test_a_null_element_is_an_error_that_counts_them():
    done = run(flow('tasks: [{ForEach: each, values: \'[1, null, {"k": "v"}]\', tasks: [t]}]'))

    assert done.runs == {"each": "FAILED"}
    assert "Found '1' null values on Each, with values=[1, null, {k=v}]" in done.log


def test_values_that_are_no_list_fail_the_task():
    done = run(flow("tasks: [{ForEach: each, values: nonsense, tasks: [t]}]"))

    assert done.runs == {"each": "FAILED"}
    assert "must be a list" in done.log


def test_a_failed_group_stops_the_loop():
    done = run(
        flow("tasks: [{ForEach: each, values: [a, b], tasks: [t], errors: [e]}]"), given={"t": State.FAILED}
    )

    assert done.runs == {"each": "FAILED", "t[a]": "FAILED", "e": "SUCCESS"}


def test_nested_loops_address_outputs_by_all_values():
    done = run(
        flow(
            """
            tasks:
              - ForEach: outer
                values: [a, b]
                tasks:
                  - ForEach: inner
                    values: ["1", "2"]
                    tasks:
                      - {Return: leaf, format: "{{ parents[0].taskrun.value }}{{ taskrun.value }}"}
                      - {Return: echo, format: "{{ outputs.leaf[parent.taskrun.value][taskrun.value].value
                      }}"}
              - {Return: end, format: "{{ outputs.leaf['b']['2'].value }}"}
            """
        )
    )

    assert done.state is State.SUCCESS
    assert done.outputs["echo"]["a"]["1"] == {"value": "a1"}
    assert done.outputs["end"] == {"value": "b2"}


def test_a_task_below_a_loop_sees_the_values_around_it():
    done = run(
        flow(
            """
            tasks:
              - ForEach: each
                values: [a]
                tasks: [{Sequential: s, tasks: [{Return: leaf, format: "{{ parent }} {{ parents }}"}]}]
            """
        )
    )

    around = '{"taskrun":{"value":"a"}}'
    assert done.outputs["leaf"]["a"] == {"value": f"{around} [{around}]"}


def test_each_parallel_starts_every_pair():
    done = run(
        flow("tasks: [{EachParallel: each, value: [a, b], tasks: [t1, t2]}]"), given={"t1": HELD, "t2": HELD}
    )

    assert list(done.runs) == ["each", "t1[a]", "t2[a]", "t1[b]", "t2[b]"]


def test_each_parallel_keeps_to_its_limit():
    done = run(
        flow("tasks: [{EachParallel: each, concurrent: 3, value: [a, b], tasks: [t1, t2]}]"),
        given={"t1": HELD, "t2": HELD},
    )

    assert len(done.simulation.held) == 3


def test_each_sequential_goes_value_by_value():
    done = run(flow("tasks: [{EachSequential: each, value: [a, b], tasks: [t1, t2]}]"))

    assert list(done.runs) == ["each", "t1[a]", "t2[a]", "t1[b]", "t2[b]"]


UNTIL = """
tasks:
  - LoopUntil: loop
    condition: "{{ outputs.count.value == '3' }}"
    checkFrequency: {interval: PT1S}
    tasks: [{Return: count, format: "{{ outputs.loop.iterationCount }}"}]
  - end
"""


def test_a_loop_goes_on_until_its_condition_holds():
    done = run(flow(UNTIL))
    assert done.state is State.PAUSED

    done.move(seconds=5)

    assert done.state is State.SUCCESS
    assert done.runs == {"loop": "SUCCESS", "count": "SUCCESS", "end": "SUCCESS"}
    assert done.outputs["loop"] == {"iterationCount": 3}
    assert "PAUSED" in done.history


def test_a_loop_gives_up_after_its_maximum():
    done = run(flow(UNTIL.replace("interval: PT1S", "interval: PT1S, maxIterations: 2")))
    done.move(seconds=5)

    assert done.state is State.SUCCESS
    assert done.outputs["loop"] == {"iterationCount": 2}


def test_a_loop_waits_a_minute_and_under_its_old_name_a_second():
    source = UNTIL.replace("    checkFrequency: {interval: PT1S}\n", "")
    patient, eager = run(flow(source)), run(flow(source.replace("LoopUntil:", "WaitFor:")))

    patient.move(seconds=5)
    eager.move(seconds=5)

    assert patient.state is State.PAUSED
    assert eager.state is State.SUCCESS
    patient.move(seconds=120)
    assert patient.state is State.SUCCESS


def test_a_loop_may_fail_when_it_gives_up():
    done = run(
        flow(
            UNTIL.replace(
                "interval: PT1S}", "interval: PT1S, maxDuration: PT1S}\n    failOnMaxReached: true"
            ).replace("== '3'", "== '99'")
        )
    )
    done.move(seconds=5)

    assert done.state is State.FAILED
    assert "Max duration reached" in done.log


def test_a_failed_child_ends_the_loop():
    done = run(flow("tasks: [{LoopUntil: loop, condition: 'false', tasks: [t]}]"), given={"t": State.FAILED})

    assert done.runs == {"loop": "FAILED", "t": "FAILED"}


def looped(limit: int) -> Simulation:
    """A Loop over three values whose iterations pause."""
    return Simulation(
        flow(f"tasks: [{{Loop: l, values: [a, b, c], concurrencyLimit: {limit}, tasks: [{{Pause: p}}]}}, t]")
    )


def resume_next(stage: Simulation) -> None:
    waiting = next(
        each.execution.id
        for each in stage.ledgers.values()
        if each.execution.loop is not None and each.execution.state.current is State.PAUSED
    )
    stage.send(on.ResumeRequested(execution_id=waiting))


def test_a_loop_is_paused_while_one_of_its_iterations_is():
    stage = looped(1)

    done = stage.start()

    assert done.state is State.PAUSED
    assert done.runs == {"l": "PAUSED"}
    for _ in range(3):
        assert done.state is State.PAUSED
        resume_next(stage)
    assert done.state is State.SUCCESS
    assert done.runs == {"l": "SUCCESS", "t": "SUCCESS"}
    assert done.history == ["CREATED", "RUNNING", *["PAUSED", "RUNNING"] * 3, "SUCCESS"]


def test_a_loop_goes_on_when_the_last_of_its_pauses_is_over():
    stage = looped(0)
    done = stage.start()

    resume_next(stage)
    resume_next(stage)
    assert done.runs == {"l": "PAUSED"}

    resume_next(stage)
    assert done.runs == {"l": "SUCCESS", "t": "SUCCESS"}


def test_an_iteration_that_is_killed_in_its_pause_lets_the_loop_end():
    stage = looped(1)
    done = stage.start()
    iteration = next(each for each in stage.ledgers if each != done.id)

    stage.send(on.KillRequested(execution_id=iteration))

    assert done.state is State.KILLED
    assert done.runs == {"l": "KILLED", "t": "SUCCESS"}


def test_a_kill_of_the_whole_reaches_a_paused_iteration():
    stage = looped(0)
    done = stage.start()

    done.kill()

    assert {each.execution.state.current for each in stage.ledgers.values()} == {State.KILLED}
    assert all(each.execution.settled for each in stage.ledgers.values())


def test_an_iteration_that_is_left_over_from_before_a_restart_is_stopped_and_does_not_count():
    done = run(
        flow("tasks: [{Loop: each, values: [a, b], tasks: [t]}]"),
        given={"t": HELD},
    )
    old_a, old_b = done.simulation.held
    done.simulation.release(old_a, State.FAILED)
    assert done.state is State.FAILED

    done.simulation.send(on.RestartRequested(execution_id=done.id))
    assert old_b in done.simulation.stopped

    loop = next(iter(done.ledger.runs.values()))
    assert loop.outputs["terminatedIterations"] == {}
    for run_id in list(done.simulation.held):
        done.simulation.release(run_id)
    assert done.state is State.SUCCESS
    loop = next(iter(done.ledger.runs.values()))
    assert loop.outputs["terminatedIterations"] == {"SUCCESS": 2}
