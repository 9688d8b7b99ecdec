"""Tasks that start many executions: Loop, and the parts of ForEachItem (flow spec §6.8, §6.9).

The run's memo holds how many there are (`count`), how far it is (`started`) and how the ended ones ended
(`states`). What to do and what each one gave, in order of completion, are kept beside the row, so that an end
costs the same whether there are ten of them or a hundred thousand.
"""

from __future__ import annotations

from typing import Any

import msgspec

from batuta import expr
from batuta.engine import events as on
from batuta.engine import gathered
from batuta.engine.commands import StartIteration, StartSubflow, StoreRows, child_id
from batuta.engine.draft import Draft, attempt_started
from batuta.engine.endings import ITERATION, end_flowable, fail_run
from batuta.engine.flowables.foreach_item import ForEachItemExecutions, ForEachItemMerge
from batuta.engine.flowables.loop import Loop
from batuta.engine.flowables.subflow import depth_below, own_labels
from batuta.engine.outline import Place
from batuta.errors import BatutaError, TaskError
from batuta.expr import Fact
from batuta.model import labels as words
from batuta.model.execution import LoopItem, TaskRun
from batuta.model.state import State
from batuta.model.task import LogLevel

STORES = "stores"
"""In a memo: what iterations give is stored as files."""


def begin(draft: Draft, run: TaskRun, place: Place) -> None:
    """Decide what to start, and start as much of it as may be under way."""
    task = place.task
    try:
        form = draft.form(run)
        match form:
            case Loop():
                items = _items_of(draft, form)
            case ForEachItemExecutions():
                depth_below(draft.execution.depth, f"{form.namespace}.{form.flow_id}")
                items = batches(draft, run, form)
            case ForEachItemMerge():
                _merge(draft, run, form)
                return
            case _:
                raise TaskError(f"`{task.type}` starts no executions")
    except (BatutaError, expr.ExpressionError) as error:
        draft.ledger.forms.pop(run.id, None)
        fail_run(draft, run, task, str(error))
        return
    memo = {
        "count": len(items),
        "started": 0,
        "states": {},
        "made": [run.id, run.token + 1],
        **_storing(form),
    }
    run = draft.move(
        run,
        State.RUNNING,
        memo=memo,
        token=run.token + 1,
        attempts=attempt_started(run, draft.now),
        outputs=outputs_of(form, memo),
    )
    gathered.keep_items(draft, run, items)
    go_on(draft, run)


def _items_of(draft: Draft, form: Loop) -> list[LoopItem]:
    if not form.is_file:
        return form.items()
    text = (draft.facts or expr.Facts()).get(Fact("read", (form.values, None)))
    return form.items_of(text)


def _storing(form: Any) -> dict[str, Any]:
    return {STORES: True} if isinstance(form, Loop) and form.stores else {}


def batches(draft: Draft, run: TaskRun, form: ForEachItemExecutions) -> list[LoopItem]:
    """The files of the batches, in order."""
    split = draft.ledger.child(run.parent_id, form.split_task, None)
    uri = (split.outputs or {}).get("splits") if split is not None else None
    if uri is None:
        raise TaskError(f"the task `{form.split_task}` gave no batches")
    text = (draft.facts or expr.Facts()).get(Fact("read", (uri, None)))
    return [LoopItem(line, index) for index, line in enumerate(text.splitlines()) if line]


def _merge(draft: Draft, run: TaskRun, form: ForEachItemMerge) -> None:
    items = draft.ledger.child(run.parent_id, form.items_task, None)
    results = (items.memo or {}).get("results", []) if items is not None else []
    rows = [result["outputs"] for result in sorted(results, key=lambda each: each["item"]["iteration"])]
    run = draft.move(
        run, State.RUNNING, memo={}, token=run.token + 1, attempts=attempt_started(run, draft.now)
    )
    if rows:
        draft.command(StoreRows(run=run, rows=rows, output="subflowOutputs"))
    else:
        end_flowable(draft, run, State.SUCCESS)


def go_on(draft: Draft, run: TaskRun) -> None:
    """Start what may start now; end the run when there is nothing left."""
    form = draft.form(run)
    memo = dict(run.memo or {})
    count, started = memo["count"], memo["started"]
    ended = sum(memo["states"].values())
    limit = form.concurrency_limit if isinstance(form, Loop) else 0
    upto = count if limit <= 0 else min(count, ended + limit)
    is_held = run.state.current is not State.RUNNING or not _may_start(draft, run)
    if memo.get("broken") or is_held:
        upto = started
    if upto > started:
        memo["started"] = upto
        run = draft.move(run, memo=memo, outputs=outputs_of(form, memo))
        items = gathered.items(draft, run)
        for index in range(started, upto):
            _start(draft, run, form, msgspec.convert(items[index], LoopItem))
    if is_held and memo["started"] < count and not memo.get("broken"):
        return
    waits = not isinstance(form, ForEachItemExecutions) or form.wait
    if memo["started"] == ended or (not waits and memo["started"] == count):
        _end(draft, run, form)


def _may_start(draft: Draft, run: TaskRun) -> bool:
    """Nothing new starts while the execution is paused; `pausing.go_on` looks again afterwards."""
    if draft.ledger.outline.place(run.task_id).after_execution:
        return draft.execution.is_ended
    return draft.state in (State.RUNNING, State.RETRYING)


def _start(draft: Draft, run: TaskRun, form: Any, item: LoopItem) -> None:
    task = draft.ledger.outline.place(run.task_id).task
    if isinstance(form, Loop):
        draft.command(StartIteration(run=run, task=task, item=item))
        return
    execution = draft.execution
    around = {**draft.names(run)["taskrun"], "items": item.value, "iteration": item.index}
    inputs = {
        name: draft.render(text, run, taskrun=around)
        for name, text in form.inputs.items()
        if text is not None
    }
    inherited = (label for label in execution.labels if form.inherit_labels and not label.is_system)
    correlation = (label for label in execution.labels if label.key == words.CORRELATION_ID)
    draft.command(
        StartSubflow(
            run=run,
            task=task,
            namespace=form.namespace,
            flow_id=form.flow_id,
            revision=form.revision,
            inputs=inputs,
            labels=words.merged(inherited, own_labels(form.labels), correlation),
            schedule_at=form.schedule_date,
            trigger={
                "executionId": execution.id,
                "namespace": execution.namespace,
                "flowId": execution.flow_id,
                "flowRevision": execution.revision,
                "taskRunId": run.id,
                "taskRunIteration": item.index,
                ITERATION: item.index,
            },
            index=item.index,
            depth=execution.depth + 1,
        )
    )


def waits_for(draft: Draft, run: TaskRun, name: str | None, index: int) -> bool:
    """The execution is one of those that the run waits for: it is not left over from before a restart, and it
    was not restarted by itself after its end was heard of."""
    valid = {run.token, (run.memo or {}).get("made", (None, None))[1]}
    earlier = {made_under(run, token, index) for token in range(run.token) if token not in valid}
    return run.id in draft.ledger.parts and name not in earlier and not gathered.is_counted(draft, run, index)


def made_under(run: TaskRun, token: int, index: int) -> str:
    """The id of the execution that the run made of an element when it had this token."""
    return child_id(msgspec.structs.replace(run, token=token), index)


def is_begun(draft: Draft, run: TaskRun) -> bool:
    """The run knows what to start, and has not ended."""
    return run.id in draft.ledger.parts and "count" in (run.memo or {})


def is_unfinished(run: TaskRun) -> bool:
    """Some of the executions that the run has started had not ended when it was last heard of them."""
    memo = run.memo or {}
    return bool(memo.get("started", 0) > sum(memo.get("states", {}).values()))


def ended(draft: Draft, run: TaskRun, event: on.SubflowEnded | on.SubflowRefused) -> None:
    """One of the executions has ended, or could not be created."""
    form = draft.form(run)
    memo = dict(run.memo or {})
    index = event.index or 0
    state = event.state if isinstance(event, on.SubflowEnded) else State.FAILED
    outputs = event.outputs if isinstance(event, on.SubflowEnded) else None
    memo["states"] = {**memo["states"], state.value: memo["states"].get(state.value, 0) + 1}
    gathered.count(draft, run, [index])
    if outputs:
        gathered.keep_result(draft, run, sum(memo["states"].values()), index, outputs)
    if isinstance(event, on.SubflowRefused):
        draft.log(LogLevel.ERROR, event.reason, run)
    if not isinstance(form, Loop) and state in (State.FAILED, State.KILLED):
        gathered.keep_failed(draft, run, index, getattr(event, "child_id", ""))
    if isinstance(form, Loop) and form.break_when is not None and not memo.get("broken"):
        memo["broken"] = _breaks(draft, run, form, event, memo, state, outputs)
    run = draft.move(run, memo=memo, outputs=outputs_of(form, memo))
    if run.state.current is State.KILLING:
        if memo["started"] == sum(memo["states"].values()):
            _conclude(draft, run, form, State.KILLED)
        return
    if isinstance(form, Loop) and form.transmit_failed and state in (State.FAILED, State.KILLED):
        _conclude(draft, run, form, state)
        return
    go_on(draft, run)


def _breaks(
    draft: Draft,
    run: TaskRun,
    form: Loop,
    event: on.SubflowEnded | on.SubflowRefused,
    memo: dict[str, Any],
    state: State,
    outputs: dict[str, Any] | None,
) -> bool:
    child_id = event.child_id if isinstance(event, on.SubflowEnded) else None
    iteration = {"executionId": child_id, "state": state.value, "outputs": outputs or {}}
    item = gathered.items(draft, run)[event.index or 0]
    return expr.is_truthy_text(draft.render(form.break_when or "", run, item=item, iteration=iteration))


def _end(draft: Draft, run: TaskRun, form: Any) -> None:
    """All have ended: how they ended decides (flow spec §6.8); a Loop that got here has succeeded."""
    states = (run.memo or {})["states"]
    state = State.SUCCESS
    if isinstance(form, ForEachItemExecutions) and form.wait and form.transmit_failed:
        worst = (State.FAILED, State.KILLED, State.WARNING)
        state = next((each for each in worst if states.get(each.value)), State.SUCCESS)
    _conclude(draft, run, form, state)


def _conclude(draft: Draft, run: TaskRun, form: Any, state: State) -> None:
    """The run ends, and what was kept beside its row becomes part of it."""
    results, failed = gathered.results(draft, run), gathered.failed(draft, run)
    draft.drop_parts(run)
    memo, outputs = dict(run.memo or {}), dict(run.outputs or {})
    if not isinstance(form, Loop):
        run = draft.put(msgspec.structs.replace(run, memo={**memo, "results": results, "failed": failed}))
    elif results:
        outputs["outputs"] = results
        run = draft.put(msgspec.structs.replace(run, outputs=outputs))
        if memo.get(STORES) and state is State.SUCCESS:
            draft.command(StoreRows(run=run, rows=results, output="uri", beside=outputs))
            return
    end_flowable(draft, run, state)


def outputs_of(form: Any, memo: dict[str, Any]) -> dict[str, Any]:
    """What the run gives while it is under way and at its end: how many there are and how they stand."""
    ended = sum(memo["states"].values())
    running = memo["started"] - ended
    if isinstance(form, Loop):
        outputs: dict[str, Any] = {
            "iterationCount": memo["count"],
            "runningIterations": {"RUNNING": running} if running else {},
            "terminatedIterations": memo["states"],
        }
        return outputs
    # Whoever does not wait counts an execution as done once it has been created (flow spec §6.8).
    counts = memo["states"] if form.wait else {State.SUCCESS.value: memo["started"]}
    iterations = {"CREATED": 0, "RUNNING": running if form.wait else 0, **counts} if memo["count"] else {}
    return {"numberOfBatches": memo["count"], "iterations": iterations}
