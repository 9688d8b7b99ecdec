"""Resumes: which pause is meant, the inputs that it asks for, and the proof that it is over (flow spec §6.11,
§15)."""

from __future__ import annotations

from typing import Any

import msgspec

from batuta import iso8601
from batuta.engine import events as on
from batuta.engine.flowables.approval import Approval
from batuta.engine.flowables.loop import Loop
from batuta.engine.flowables.pause import Pause
from batuta.engine.looping import LOOP_TIMER
from batuta.errors import Conflict
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow
from batuta.model.inputs import Input
from batuta.model.state import State
from batuta.model.task import Task
from batuta.plugin import registry
from batuta.web import operations, replaying, starting, waiting
from batuta.web.access import Action
from batuta.web.forms import Form
from batuta.web.rejections import Invalid, Part
from batuta.web.site import Site

MOST_NAMED = 5
"""Iterations that an answer names."""


class Waiting(msgspec.Struct, frozen=True):
    """What a resume ends: a Pause, or, without a run, what somebody did by hand."""

    flow: Flow
    run: TaskRun | None = None
    inputs: tuple[Input, ...] = ()


async def pause_of(site: Site, execution: Execution) -> Waiting:
    """The pause for which a resume of the execution is meant: the first one that waits.

    Raises:
        Conflict: the execution is not paused, or waits for something that no resume ends.
    """
    refusal = operations.resume().refusal(execution)
    if refusal is not None:
        raise refusal
    flow = await replaying.flow_of(site, execution, None)
    tasks = {task.id: task for task in flow.walk()}
    runs = await site.ports.store.executions.task_runs(execution.id)
    paused = [run for run in runs if run.state.current is State.PAUSED]
    for run in paused:
        task = tasks.get(run.task_id)
        if task is not None and issubclass(registry.load(task.type), Pause):
            return Waiting(flow, run, starting.declared(task.properties.get("onResume") or ()))
    if paused:
        raise await _other(site, execution, paused[0], tasks.get(paused[0].task_id))
    return Waiting(flow)


async def _other(site: Site, execution: Execution, run: TaskRun, task: Task | None) -> Conflict:
    """Why a resume does not end what the execution waits for."""
    what = f"Execution '{execution.id}' is not paused by a Pause, can't resume it: the task `{run.task_id}`"
    if task is not None and issubclass(registry.load(task.type), Approval):
        return Conflict(f"{what} waits for a decision", mend="approve or deny it with a review")
    if task is not None and issubclass(registry.load(task.type), Loop):
        children = await site.ports.store.executions.children(execution.id)
        resting = [each.id for each in children if each.state.current is State.PAUSED]
        named = ", ".join(resting[:MOST_NAMED]) or "its iterations"
        return Conflict(f"{what} waits for {named}", mend="resume that execution")
    timers = await site.ports.store.timers.of_execution(execution.id)
    at = next((each.at for each in timers if each.task_run_id == run.id and each.timer == LOOP_TIMER), None)
    until = "" if at is None else f" at {iso8601.format_instant(at)}"
    return Conflict(
        f"{what} begins its next pass by itself{until}", mend="wait for it, or kill the execution"
    )


async def typed(site: Site, execution: Execution, waiting: Waiting, form: Form, *, store: bool) -> Any:
    """The inputs of a form by the types that the pause declares; with `store` files are kept."""
    given, uploads = starting.sorted_out(waiting.inputs, form)
    given |= starting.planned(waiting.flow, waiting.inputs, uploads, execution.id)
    resolution = await starting.resolve(site, waiting.flow, waiting.inputs, given)
    if store and not resolution.violations:
        for input_id, upload in uploads.items():
            await site.ports.storage.put(given[input_id], upload.source())
    return resolution


async def resume(site: Site, execution: Execution, paused: Waiting, form: Form) -> Execution:
    """End a pause; the execution afterwards. Others may still pause it.

    Raises:
        Invalid: the inputs are wrong; the pause goes on.
        WaitedTooLong: the executor has not confirmed it.
    """
    site.guard.must(Action.UPDATE, execution.namespace)
    resolution = await typed(site, execution, paused, form, store=True)
    if resolution.violations:
        raise Invalid([Part(message=each.message, path=each.path) for each in resolution.violations])
    run = paused.run
    operation = operations.resume(dict(resolution.values), None if run is None else run.id)
    if run is None:
        return await operations.perform(site, execution, operation)

    return await _moved(site, execution, [run], operation.event(execution))


async def force(site: Site, execution: Execution) -> Execution:
    """End the first pause of an execution without the inputs that it asks for. Others may still pause it.

    Raises:
        WaitedTooLong: the executor has not confirmed it.
    """
    site.guard.must(Action.UPDATE, execution.namespace)
    runs = await site.ports.store.executions.task_runs(execution.id)
    paused = [run for run in runs if run.state.current is State.PAUSED]
    return await _moved(site, execution, paused, operations.FORCE_RUN.event(execution))


async def _moved(site: Site, execution: Execution, paused: list[TaskRun], event: on.AnyEvent) -> Execution:
    """Send an event, and wait until it has moved the execution or one of its paused task runs."""
    before = {run.id: run.state for run in paused}

    async def has_moved() -> bool:
        now = await site.need_execution(execution.id)
        if now.state != execution.state:
            return True
        present = {run.id: run.state for run in await site.ports.store.executions.task_runs(execution.id)}
        return any(present.get(run_id) != state for run_id, state in before.items())

    async with site.watches.on(execution.id) as watch:
        await site.ports.inbox.accept(event)
        return await waiting.until(
            site, watch, execution.id, lambda now: True, waiting.CONFIRM_SECONDS, also=has_moved
        )
