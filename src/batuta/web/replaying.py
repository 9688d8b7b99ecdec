"""Executions made from others: replays, and restarts with another revision (flow spec §15.1, §15.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from batuta import ids
from batuta.engine import events as on
from batuta.engine import replaying
from batuta.engine.ledger import Ledger
from batuta.engine.outline import outline_of
from batuta.errors import Conflict, InvalidRequest
from batuta.model.execution import Breakpoint, Execution
from batuta.model.flow import Flow
from batuta.store.batch import Batch
from batuta.web import operations, starting, waiting
from batuta.web.access import Action
from batuta.web.forms import Form
from batuta.web.rejections import Invalid, Part
from batuta.web.site import Site


async def flow_of(site: Site, execution: Execution, revision: int | None) -> Flow:
    """The flow of an execution at a revision, at its own when none is given.

    Raises:
        NotFound: there is no such revision.
        Conflict: its text is not a flow.
    """
    stored = site.parsed(await site.need_revision(execution.flow_key, revision or execution.revision))
    if stored.flow is None:
        raise Conflict(f"Requested Flow is not valid: {stored.problem}", mend="mend the flow and save it")
    return stored.flow


async def replay(
    site: Site,
    execution: Execution,
    *,
    task_run_id: str | None = None,
    revision: int | None = None,
    breakpoints: tuple[Breakpoint, ...] = (),
    form: Form | None = None,
) -> Execution:
    """Make a replay; it is durable when this returns. With a form its inputs are typed by it."""
    site.guard.must(Action.UPDATE, execution.namespace)
    new_id = ids.random_id()
    inputs = None
    if revision is not None or form is not None:
        flow = await flow_of(site, execution, revision)
        if form is not None:
            inputs = await _inputs(site, flow, execution, new_id, form)
    batch = Batch()
    row = await _add(site, batch, execution, new_id, task_run_id, revision, inputs)
    row = batch.executions[new_id] = msgspec.structs.replace(row, breakpoints=breakpoints)
    await site.ports.inbox.accept(
        on.ExecutionCreated(execution_id=new_id), on.ExecutionReplayed(execution_id=execution.id), batch=batch
    )
    return row


async def _inputs(site: Site, flow: Flow, execution: Execution, new_id: str, form: Form) -> dict[str, Any]:
    given, uploads = starting.sorted_out(flow.inputs, form)
    given |= starting.planned(flow, flow.inputs, uploads, new_id)
    resolution = await starting.resolve(site, flow, flow.inputs, given)
    if resolution.violations:
        raise Invalid([Part(message=each.message, path=each.path) for each in resolution.violations])
    for input_id, upload in uploads.items():
        await site.ports.storage.put(given[input_id], upload.source())
    return dict(resolution.values)


async def _add(
    site: Site,
    batch: Batch,
    execution: Execution,
    new_id: str,
    task_run_id: str | None,
    revision: int | None,
    inputs: dict[str, Any] | None = None,
) -> Execution:
    now = site.now()
    if task_run_id is None:
        row = replaying.replay(execution, id=new_id, now=now, revision=revision, inputs=inputs)
    else:
        ledger = await _ledger_of(site, execution)
        run = ledger.run(task_run_id)
        if run is None:
            raise InvalidRequest(
                f"the execution `{execution.id}` has no task run `{task_run_id}`", where="taskRunId"
            )
        row, kept = replaying.replay_from(ledger, run, id=new_id, now=now, revision=revision)
        batch.task_runs |= {(new_id, each.ordinal): each for each in kept}
    batch.executions[new_id] = row
    return row


async def _ledger_of(site: Site, execution: Execution) -> Ledger:
    runs = await site.ports.store.executions.task_runs(execution.id)
    flow = await flow_of(site, execution, None)
    root = None if execution.loop is None else execution.loop.task_id
    return Ledger(execution, outline_of(flow, root), runs)


async def replay_all(site: Site, ids_given: Sequence[str], *, latest_revision: bool) -> int:
    """Replay many from their beginning; how many there were."""
    executions = await operations.checked(site, "replay", ids_given)
    batch = Batch()
    events: list[on.AnyEvent] = []
    for execution in executions:
        site.guard.must(Action.UPDATE, execution.namespace)
        revision = (await site.need_latest(execution.flow_key)).revision if latest_revision else None
        row = await _add(site, batch, execution, ids.random_id(), None, revision)
        events += [
            on.ExecutionCreated(execution_id=row.id),
            on.ExecutionReplayed(execution_id=execution.id),
        ]
    if events:
        await site.ports.inbox.accept(*events, batch=batch)
    return len(executions)


async def restart_with_revision(site: Site, execution: Execution, revision: int) -> Execution:
    """Restart a copy of an execution with another revision of its flow; the copy, once it goes on."""
    site.guard.must(Action.UPDATE, execution.namespace)
    refusal = operations.RESTART.refusal(execution)
    if refusal is not None:
        raise refusal
    await flow_of(site, execution, revision)
    new_id = ids.random_id()
    row, copies = replaying.copy(
        await _ledger_of(site, execution), id=new_id, revision=revision, now=site.now()
    )
    batch = Batch(executions={new_id: row}, task_runs={(new_id, each.ordinal): each for each in copies})
    async with site.watches.on(new_id) as watch:
        await site.ports.inbox.accept(on.RestartRequested(execution_id=new_id), batch=batch)
        return await waiting.until(
            site, watch, new_id, lambda now: operations.RESTART.effect(row, now), waiting.CONFIRM_SECONDS
        )
