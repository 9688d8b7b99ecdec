"""Flow triggers as Kestra 2.0 writes them: `dependsOn`, `window`, `mode`."""

from __future__ import annotations

import pytest

from batuta import flows
from batuta.model.state import State
from tests.scheduler.test_reactions import LISTENER, SOURCE

A = "      - {namespace: company.team, flowId: a}\n"
B = "      - {namespace: company.team, flowId: b}\n"


@pytest.fixture
async def listening(town):
    for id in "ab":
        await town.save(SOURCE.format(id=id))
    async with town.scheduling() as scheduler:
        town.scheduler = scheduler
        yield town


async def listen(town, properties, **more):
    saved = await town.save(LISTENER + properties, **more)

    async def heard():
        return town.scheduler.reactions.revision_heard(saved.key) == saved.revision

    await town.until(heard)


async def heard(town):
    """Wait until everything that happened so far was looked at."""
    last = await town.run_other("a", State.KILLED)

    async def seen():
        return town.scheduler.reactions.has_seen(last.id)

    await town.until(seen)
    return await town.executions()


async def test_one_entry_starts_the_flow_for_success_and_warning(listening):
    await listen(listening, f"    dependsOn:\n{A}")
    for state in (State.SUCCESS, State.WARNING, State.FAILED):
        await listening.run_other("a", state)
    await listening.run_other("b")
    found = await heard(listening)
    assert sorted(each.trigger.variables["state"] for each in found) == ["SUCCESS", "WARNING"]


async def test_outputs_are_told_under_the_flow_and_as_they_are(listening):
    await listen(listening, f'    inputs: {{rows: "{{{{ trigger.outputs.a.n }}}}"}}\n    dependsOn:\n{A}')
    await listening.run_other("a", outputs={"n": 7})
    [execution] = await heard(listening)
    assert execution.inputs == {"rows": 7}
    assert execution.trigger.variables["outputs"] == {"a": {"n": 7}, "n": 7}


async def test_all_entries_have_to_be_met_and_then_again(listening):
    await listen(listening, f"    dependsOn:\n{A}{B}")
    await listening.run_other("a", outputs={"n": 1})
    assert await heard(listening) == []
    await listening.run_other("b", outputs={"m": 2})
    [execution] = await heard(listening)
    assert execution.trigger.variables["outputs"] == {"a": {"n": 1}, "b": {"m": 2}}
    await listening.run_other("b")
    assert len(await heard(listening)) == 1


async def test_any_and_at_least_need_fewer(listening):
    await listen(listening, f"    mode: ANY\n    dependsOn:\n{A}{B}")
    await listening.run_other("b")
    assert len(await heard(listening)) == 1
    await listen(listening, f"    mode: AT_LEAST\n    minSatisfied: 2\n    dependsOn:\n{A}{B}")
    await listening.run_other("b")
    assert len(await heard(listening)) == 1
    await listening.run_other("a")
    assert len(await heard(listening)) == 2


async def test_conditions_of_an_entry_see_the_upstream_execution(listening):
    when = (
        "{{ namespace | startsWith('company') and flowId == 'a' and labels.env == 'prod' and outputs.n > 1 }}"
    )
    await listen(listening, f'    dependsOn:\n      - when: "{when}"\n        labels: {{env: prod}}\n')
    await listening.run_other("a", labels={"env": "prod"}, outputs={"n": 1})
    await listening.run_other("a", labels={"env": "test"}, outputs={"n": 2})
    await listening.run_other("a", labels={"env": "prod"}, outputs={"n": 2})
    assert len(await heard(listening)) == 1


async def test_the_condition_of_the_trigger_comes_first(listening):
    await listen(listening, f"    when: \"{{{{ labels.env == 'prod' }}}}\"\n    dependsOn:\n{A}")
    await listening.run_other("a", labels={"env": "test"})
    await listening.run_other("a", labels={"env": "prod"})
    assert len(await heard(listening)) == 1


async def test_fire_once_starts_the_flow_once_in_a_window(listening):
    await listen(listening, f"    dependsOn:\n{A}    window: {{every: PT1H, fireOnce: true}}\n")
    await listening.run_other("a")
    await listening.run_other("a")
    assert len(await heard(listening)) == 1
    await listening.move(hours=1)
    await listening.run_other("a")
    assert len(await heard(listening)) == 2


async def test_without_fire_once_each_further_execution_starts_it_again(listening):
    await listen(listening, f"    dependsOn:\n{A}{B}    window: {{every: PT1H}}\n")
    await listening.run_other("a")
    await listening.run_other("b")
    await listening.run_other("b")
    assert len(await heard(listening)) == 2


async def test_lookback_forgets_what_was_met_longer_ago(listening):
    await listen(listening, f"    dependsOn:\n{A}{B}    window: {{lookback: PT1H}}\n")
    await listening.run_other("a")
    await heard(listening)
    await listening.move(hours=1, minutes=1)
    await listening.run_other("b")
    assert await heard(listening) == []
    await listening.move(minutes=30)
    await listening.run_other("a")
    assert len(await heard(listening)) == 1


async def test_nothing_counts_after_the_deadline_of_the_day(listening):
    await listen(listening, f'    dependsOn:\n{A}{B}    window: {{deadline: "14:00:00+01:00"}}\n')
    await listening.run_other("a")  # 12:00:30 UTC is 13:00:30 there
    await heard(listening)
    await listening.move(hours=1)
    await listening.run_other("b")
    assert await heard(listening) == []


async def test_a_window_that_closes_unmet_is_an_execution_that_failed_once(listening):
    await listen(
        listening,
        f'    dependsOn:\n{A}{B}    window: {{deadline: "13:00:00Z"}}\n'
        "    onMiss: {behavior: FAIL, labels: {team: data}}\n",
    )
    await listening.run_other("a")
    await heard(listening)
    await listening.move(hours=1)
    await listening.scheduler.reactions.sweep()
    [execution] = await listening.executions()
    assert execution.state.current is State.FAILED
    assert ("team", "data") in [(label.key, label.value) for label in execution.labels]
    await listening.scheduler.reactions.sweep()
    assert len(await listening.executions()) == 1


async def test_a_window_in_which_all_was_met_is_no_miss(listening):
    await listen(
        listening,
        f'    dependsOn:\n{A}    window: {{deadline: "13:00:00Z"}}\n    onMiss: {{behavior: FAIL}}\n',
    )
    await listening.run_other("a")
    assert len(await heard(listening)) == 1
    await listening.move(hours=1)
    await listening.scheduler.reactions.sweep()
    assert len(await listening.executions()) == 1


async def test_inputs_that_cannot_be_rendered_are_an_execution_that_failed(listening):
    await listen(listening, f'    inputs: {{rows: "{{{{ trigger.outputs.a.none }}}}"}}\n    dependsOn:\n{A}')
    await listening.run_other("a")
    [execution] = await heard(listening)
    assert execution.state.current is State.FAILED


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ('    window: {every: PT1H, deadline: "09:00:00Z"}\n', "can only be one kind of window"),
        ('    window: {from: "09:00:00"}\n', "needs both `from` and `to`"),
        ("    mode: AT_LEAST\n", "is needed with `mode: AT_LEAST`"),
        ("    mode: AT_LEAST\n    minSatisfied: 3\n", "has 1 entries"),
        ("    onMiss: {behavior: FAIL}\n", "needs a `window`"),
    ],
)
def test_what_does_not_fit_together_is_refused(properties, message):
    with pytest.raises(flows.InvalidFlow, match=message):
        flows.parse(LISTENER + f"    dependsOn:\n{A}{properties}")
