"""Why a trigger starts nothing now, from the state that the server tells of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class TriggerCause(NamedTuple):
    """One thing that a trigger waits for, and the command that moves it."""

    text: str
    command: str | None = None


def causes_of(state: dict[str, Any]) -> Iterator[TriggerCause]:
    """All that a trigger waits for, what only people can change first.

    Args:
        state: the trigger as `GET /triggers/{namespace}/{flow_id}` lists it.
    """
    key = f"{state['namespace']} {state['flowId']} {state['triggerId']}"
    if state["disabled"]:
        yield TriggerCause("it is switched off", f"batuta trigger enable {key}")
    backfill = state.get("backfill")
    if backfill is not None and backfill.get("paused"):
        at = backfill.get("currentDate") or backfill["start"]
        yield TriggerCause(f"its backfill is paused at {at}", f"batuta backfill resume {key}")
    elif backfill is not None:
        yield TriggerCause(f"its backfill is at {backfill.get('currentDate') or backfill['start']}")
    trouble = state.get("trouble")
    if trouble is not None:
        times = trouble["failures"]
        reason = trouble["reason"].partition("\n")[0]
        yield TriggerCause(
            f"what it looks at cannot be reached since {trouble['since']} ({times} times): {reason}; "
            "it is tried again by itself"
        )
    execution_id = state.get("executionId")
    if state["locked"] and execution_id is not None:
        yield TriggerCause(f"execution {execution_id} has not ended", f"batuta explain {execution_id}")
    elif state.get("evaluateRunningDate") is not None and state["kind"] != "REALTIME":
        yield TriggerCause(
            f"a worker looks since {state['evaluateRunningDate']}", f"batuta trigger restart {key}"
        )
    if state["kind"] == "REALTIME" and trouble is None and not state["disabled"]:
        yield TriggerCause("it listens, and starts an execution for each message")
    elif not state["disabled"] and state.get("nextEvaluationDate") is not None:
        yield TriggerCause(f"its next date is {state['nextEvaluationDate']}")
