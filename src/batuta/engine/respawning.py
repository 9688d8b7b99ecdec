"""A restarted ForEachItem: the batches that failed are run again, what the others gave is kept (flow spec
§6.8, §15.1)."""

from __future__ import annotations

from typing import Any

from batuta import expr
from batuta.engine import gathered, spawning
from batuta.engine.commands import RestartSubflow
from batuta.engine.draft import Draft, attempt_started
from batuta.engine.flowables.foreach_item import ForEachItemExecutions
from batuta.engine.flowables.subflow import RestartBehavior
from batuta.errors import BatutaError
from batuta.model.execution import TaskRun
from batuta.model.state import State

_AGAIN = (State.FAILED.value, State.KILLED.value)


def restart(draft: Draft, run: TaskRun, before: dict[str, Any]) -> bool:
    """Restart the failed executions of a run; False when all of them have to begin anew.

    Args:
        run: the RESTARTED run.
        before: its memo of before the restart.
    """
    if not _is_kept(run, before):
        return False
    try:
        form = draft.form(run)
        if not isinstance(form, ForEachItemExecutions) or not form.wait:
            return False
        if form.restart_behavior is RestartBehavior.NEW_EXECUTION:
            return False
        items = spawning.batches(draft, run, form)
    except (BatutaError, expr.ExpressionError):
        # It is told where the run begins.
        draft.ledger.forms.pop(run.id, None)
        return False
    failed: dict[str, str] = before["failed"]
    states = {name: times for name, times in before["states"].items() if name not in _AGAIN}
    memo = {name: before[name] for name in ("count", "started", "made")} | {"states": states}
    run = draft.move(
        run,
        State.RUNNING,
        memo=memo,
        token=run.token + 1,
        attempts=attempt_started(run, draft.now),
        outputs=spawning.outputs_of(form, memo),
    )
    gathered.keep_items(draft, run, items)
    gathered.count(draft, run, (index for index in range(memo["count"]) if str(index) not in failed))
    results = (each for each in before["results"] if str(each["item"]["iteration"]) not in failed)
    for order, result in enumerate(results):
        gathered.keep_result(draft, run, order, result["item"]["iteration"], result["outputs"])
    for index, child_id in failed.items():
        draft.command(RestartSubflow(run=run, child_id=child_id, index=int(index)))
    spawning.go_on(draft, run)
    return True


def _is_kept(run: TaskRun, before: dict[str, Any]) -> bool:
    """The run has come to its end with executions of its own, and each that failed can be restarted: it is no
    copy of another run, and none of its flows could not be started or tried again as another execution."""
    owner, token = before.get("made", (None, 0))
    if "failed" not in before or owner != run.id or before["started"] < before["count"]:
        return False
    failed = before["failed"].items()
    return all(spawning.made_under(run, token, int(index)) == child_id for index, child_id in failed)
