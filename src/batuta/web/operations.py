"""What people may ask of an execution: checked against its state, posted as an event, answered afterwards.

The executor decides what an event means; here is when it may be asked for, and how its effect is recognised
(flow spec §15).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from batuta.engine import events as on
from batuta.errors import BatutaError, Conflict, InvalidRequest
from batuta.model.execution import Breakpoint, Execution
from batuta.model.labels import Label, Labels, merged
from batuta.model.state import State
from batuta.web import waiting
from batuta.web.access import Action
from batuta.web.bulk import BadItem, InvalidBulk
from batuta.web.rejections import NotTerminated
from batuta.web.site import Site
from batuta.web.starting import system_label

_FAILED = frozenset({State.FAILED, State.PAUSED, State.KILLED})
_AFTER_QUEUE = (State.RUNNING, State.CANCELLED, State.FAILED)
_ENDS = (State.SUCCESS, State.WARNING, State.FAILED, State.KILLED, State.CANCELLED)
_BEFORE_RUNNING = frozenset({State.CREATED, State.QUEUED, State.PAUSED})


class Operation(msgspec.Struct, frozen=True):
    """One kind of request."""

    title: str
    """How an answer to many names it."""
    event: Callable[[Execution], on.AnyEvent]
    refusal: Callable[[Execution], BatutaError | None]
    """Why a single execution does not allow it, or None."""
    bulk_refusal: Callable[[Execution], str | None]
    """The same among many, in the words of the contract."""
    effect: Callable[[Execution, Execution], bool]
    """Given the execution before and now: the change has happened."""


def kill(*, cascade: bool = True) -> Operation:
    """Stop an execution, and with `cascade` those it started."""

    def refusal(execution: Execution) -> BatutaError | None:
        if execution.is_ended and not cascade:
            return Conflict(f"Execution is already finished, its state is '{execution.state.current}'")
        return None

    return Operation(
        title="kill",
        event=lambda execution: on.KillRequested(execution_id=execution.id, cascade=cascade),
        refusal=refusal,
        bulk_refusal=lambda execution: "execution already finished" if execution.is_ended else None,
        effect=lambda before, now: now.is_ended or now.state.current is State.KILLING,
    )


KILL_MANY = kill(cascade=False)

RESTART = Operation(
    title="restart",
    event=lambda execution: on.RestartRequested(execution_id=execution.id),
    refusal=lambda execution: (
        None
        if execution.is_ended or execution.state.current is State.PAUSED
        else Conflict(
            f"Execution must be terminated to be restarted, current state is '{execution.state.current}' !",
            mend="wait for its end, or kill it first",
        )
    ),
    bulk_refusal=lambda execution: (
        None if execution.state.current in _FAILED else "execution not in state FAILED"
    ),
    effect=lambda before, now: now.attempt_number > before.attempt_number,
)

PAUSE = Operation(
    title="pause",
    event=lambda execution: on.PauseRequested(execution_id=execution.id),
    refusal=lambda execution: (
        None
        if execution.state.current is State.RUNNING
        else Conflict(f"The execution is not running, its state is '{execution.state.current}'")
    ),
    bulk_refusal=lambda execution: (
        None if execution.state.current is State.RUNNING else "execution not in state RUNNING"
    ),
    effect=lambda before, now: now.state.current is not State.RUNNING,
)


def resume(inputs: dict[str, Any] | None = None, task_run_id: str | None = None) -> Operation:
    """Let a paused execution go on."""
    return Operation(
        title="resume",
        event=lambda execution: on.ResumeRequested(
            execution_id=execution.id, inputs=inputs or {}, task_run_id=task_run_id
        ),
        refusal=lambda execution: (
            None
            if execution.state.current is State.PAUSED
            else Conflict(f"Execution '{execution.id}' is not paused, can't resume it")
        ),
        bulk_refusal=lambda execution: (
            None if execution.state.current is State.PAUSED else "execution not in state PAUSED"
        ),
        effect=lambda before, now: now.state != before.state,
    )


FORCE_RUN = Operation(
    title="force run",
    event=lambda execution: on.ForceRunRequested(execution_id=execution.id),
    refusal=lambda execution: (
        Conflict("Only non terminated executions can be forced run.") if execution.is_ended else None
    ),
    bulk_refusal=lambda execution: "execution in a terminated state" if execution.is_ended else None,
    effect=lambda before, now: before.state.current not in _BEFORE_RUNNING or now.state != before.state,
)


def leave_breakpoint(breakpoints: tuple[Breakpoint, ...] | None) -> Operation:
    """Let an execution go on that stopped at a breakpoint."""
    return Operation(
        title="resume from breakpoint",
        event=lambda execution: on.BreakpointResumed(execution_id=execution.id, breakpoints=breakpoints),
        refusal=lambda execution: (
            None
            if execution.state.current is State.BREAKPOINT
            else Conflict(f"Execution '{execution.id}' is not suspended at a breakpoint")
        ),
        bulk_refusal=lambda execution: (
            None if execution.state.current is State.BREAKPOINT else "execution not in state BREAKPOINT"
        ),
        effect=lambda before, now: now.state != before.state,
    )


def set_labels(labels: Labels) -> Operation:
    """Add to the labels of an ended execution; a label with a known key replaces the older one."""

    def refusal(execution: Execution) -> BatutaError | None:
        if not execution.is_ended:
            return NotTerminated("The execution is not terminated, so its labels cannot be changed")
        for label in labels:
            if label.is_system and label not in execution.labels:
                return system_label(label)
        return None

    def bulk_refusal(execution: Execution) -> str | None:
        found = refusal(execution)
        if isinstance(found, NotTerminated):
            return "execution is not terminated"
        return None if found is None else found.what

    return Operation(
        title="set labels",
        event=lambda execution: on.LabelsChanged(
            execution_id=execution.id, labels=merged(execution.labels, labels)
        ),
        refusal=refusal,
        bulk_refusal=bulk_refusal,
        effect=lambda before, now: set(now.labels) == set(merged(before.labels, labels)),
    )


def unqueue(state: State) -> Operation:
    """Take an execution out of its queue: it runs, or ends in a state.

    Raises:
        InvalidRequest: the state is none of RUNNING, CANCELLED and FAILED.
    """
    if state not in _AFTER_QUEUE:
        raise InvalidRequest(
            f"a queued execution cannot become {state}",
            where="state",
            mend=f"choose one of {', '.join(_AFTER_QUEUE)}",
        )
    return Operation(
        title="unqueue",
        event=lambda execution: on.UnqueueRequested(execution_id=execution.id, state=state),
        refusal=lambda execution: (
            None
            if execution.state.current is State.QUEUED
            else Conflict(f"Only QUEUED execution can be unqueued, its state is '{execution.state.current}'")
        ),
        bulk_refusal=lambda execution: (
            None if execution.state.current is State.QUEUED else "execution not in state QUEUED"
        ),
        effect=lambda before, now: now.state.current is not State.QUEUED,
    )


def change_status(state: State) -> Operation:
    """Have an ended execution count as ended in another state.

    Raises:
        InvalidRequest: the state is not an end.
    """
    if state not in _ENDS:
        raise InvalidRequest(
            "You can only change the status to a terminal state.",
            where="status",
            mend=f"choose one of {', '.join(_ENDS)}",
        )

    def is_over(execution: Execution) -> bool:
        return execution.is_ended and execution.state.current is not State.KILLED

    return Operation(
        title="change execution status",
        event=lambda execution: on.StatusChanged(execution_id=execution.id, state=state),
        refusal=lambda execution: (
            None
            if is_over(execution)
            else Conflict(
                "You can only change the status of a terminated execution. "
                f"Its state is '{execution.state.current}'"
            )
        ),
        bulk_refusal=lambda execution: None if is_over(execution) else "execution not in a terminated state",
        effect=lambda before, now: now.state.current is state,
    )


def mark(task_run_id: str, state: State) -> Operation:
    """Have a task run of an ended execution count as ended in a state, and go on from there.

    Raises:
        InvalidRequest: the state is not an end.
    """
    if not state.is_ended or state in (State.RETRIED, State.RESUBMITTED):
        raise InvalidRequest(
            f"a task run cannot be marked as {state}",
            where="state",
            mend="choose a state in which it can end",
        )
    return Operation(
        title="change state",
        event=lambda execution: on.TaskRunMarked(
            execution_id=execution.id, task_run_id=task_run_id, state=state
        ),
        refusal=lambda execution: (
            None
            if execution.is_ended and execution.state.current is not State.KILLED
            else Conflict(
                "Task runs can be changed in an execution that has ended by itself, "
                f"the state of this one is '{execution.state.current}'"
            )
        ),
        bulk_refusal=lambda execution: None,
        effect=lambda before, now: now.state != before.state,
    )


def labels_of(documents: Sequence[Any]) -> Labels:
    """Labels of a JSON body: a list of pairs, of which both parts are text."""
    found = []
    for each in documents:
        key, value = (each.get("key"), each.get("value")) if isinstance(each, dict) else (None, None)
        if not isinstance(key, str) or not key or value is None or value == "":
            raise InvalidRequest(
                "every label needs a `key` and a `value` that are not empty",
                where="labels",
                mend='[{"key": "team", "value": "ops"}]',
            )
        found.append(Label(key, value if isinstance(value, str) else msgspec.json.encode(value).decode()))
    return tuple(found)


async def perform(site: Site, execution: Execution, operation: Operation) -> Execution:
    """Do it to one execution; the execution after the change.

    Raises:
        BatutaError: the state of the execution does not allow it.
        WaitedTooLong: the executor has not confirmed it.
    """
    site.guard.must(Action.UPDATE, execution.namespace)
    refusal = operation.refusal(execution)
    if refusal is not None:
        raise refusal
    async with site.watches.on(execution.id) as watch:
        await site.ports.inbox.accept(operation.event(execution))
        return await waiting.until(
            site, watch, execution.id, lambda now: operation.effect(execution, now), waiting.CONFIRM_SECONDS
        )


async def check_restart(site: Site, execution: Execution) -> None:
    """A restart needs something to begin with."""
    if RESTART.refusal(execution) is not None:
        return
    runs = await site.ports.store.executions.task_runs(execution.id)
    if runs and not any(run.state.current in (*_FAILED, State.KILLING) for run in runs):
        raise InvalidRequest("No task found to restart execution from!", mend="replay the execution instead")


async def perform_all(site: Site, ids: Iterable[str], operation: Operation) -> int:
    """Do it to many: all are checked first, and one that may not refuses all. How many there were."""
    executions, bad = await _checked(site, ids, operation.bulk_refusal)
    if bad:
        raise InvalidBulk(operation.title, bad)
    for execution in executions:
        site.guard.must(Action.UPDATE, execution.namespace)
    if executions:
        await site.ports.inbox.accept(*(operation.event(execution) for execution in executions))
    return len(executions)


async def checked(site: Site, title: str, ids: Iterable[str]) -> list[Execution]:
    """Executions that all exist.

    Raises:
        InvalidBulk: one does not.
    """
    executions, bad = await _checked(site, ids, lambda execution: None)
    if bad:
        raise InvalidBulk(title, bad)
    return executions


async def _checked(
    site: Site, ids: Iterable[str], refusal: Callable[[Execution], str | None]
) -> tuple[list[Execution], list[BadItem]]:
    executions: list[Execution] = []
    bad: list[BadItem] = []
    for execution_id in dict.fromkeys(ids):
        execution = await site.ports.store.executions.get(execution_id)
        if execution is None:
            bad.append(BadItem(execution_id, "execution not found", "not-found"))
            continue
        message = refusal(execution)
        if message is not None:
            bad.append(BadItem(execution_id, message))
        executions.append(execution)
    return executions, bad


class Removal(msgspec.Struct, frozen=True):
    """What goes with an execution that is deleted."""

    logs: bool = True
    metrics: bool = True
    storage: bool = True
    running_too: bool = False


async def remove(site: Site, execution: Execution, removal: Removal) -> None:
    """Delete one execution that has ended."""
    if not execution.is_ended and not removal.running_too:
        raise Conflict(
            f"Execution '{execution.id}' is not terminated, its state is '{execution.state.current}'",
            mend="kill it first",
        )
    await _remove(site, [execution], removal)


async def remove_all(site: Site, ids: Iterable[str], removal: Removal) -> int:
    """Delete many; how many there were."""

    def refusal(execution: Execution) -> str | None:
        ended = execution.is_ended or removal.running_too
        return None if ended else "execution is not terminated"

    executions, bad = await _checked(site, ids, refusal)
    if bad:
        raise InvalidBulk("delete", bad)
    await _remove(site, executions, removal)
    return len(executions)


async def _remove(site: Site, executions: Sequence[Execution], removal: Removal) -> None:
    from batuta.storage import uris

    for execution in executions:
        site.guard.must(Action.DELETE, execution.namespace)
        if not execution.is_ended:
            ended = await perform(site, execution, kill())
            async with site.watches.on(ended.id) as watch:
                await waiting.until(site, watch, ended.id, lambda now: now.settled, waiting.CONFIRM_SECONDS)
    await site.ports.store.executions.delete(
        [execution.id for execution in executions], logs=removal.logs, metrics=removal.metrics
    )
    if removal.storage:
        for execution in executions:
            await site.ports.storage.delete_below(
                uris.execution(execution.namespace, execution.flow_id, execution.id)
            )
