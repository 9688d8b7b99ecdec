"""Records of triggers as the contract shows them: both sets of names, of 2.0 and of 1.x (API spec §12)."""

from __future__ import annotations

from typing import Any

from batuta.firing.troubles import trouble_of
from batuta.model.flow import TENANT, TriggerDefinition
from batuta.model.trigger import Backfill, TriggerRecord

Json = dict[str, Any]


def state(record: TriggerRecord, worker_id: str | None = None) -> Json:
    """The state of a trigger; `worker_id` is the worker that looks, or listens.

    `held`, which is no part of the reference's contract: the text of the flow keeps the trigger from
    starting anything: it or the flow is disabled there, or is a draft.
    """
    shape: Json = {
        "tenantId": TENANT,
        "namespace": record.namespace,
        "flowId": record.flow_id,
        "triggerId": record.trigger_id,
        "kind": record.kind,
        "flowRevision": record.revision,
        "updatedAt": record.updated_at,
        "updatedDate": record.updated_at,
        "evaluatedAt": record.evaluated_at,
        "date": record.date,
        "nextEvaluationDate": record.next_at,
        "nextExecutionDate": record.next_at,
        "lastTriggeredDate": record.triggered_at,
        "executionId": record.execution_id,
        "evaluateRunningDate": record.evaluating_since,
        "workerId": worker_id,
        "backfill": None if record.backfill is None else backfill(record.backfill),
        "trouble": trouble(record),
        "stopAfter": list(record.stop_after) or None,
        "held": record.held or None,
        "disabled": record.disabled,
        "locked": record.is_locked,
    }
    return {name: value for name, value in shape.items() if value is not None}


def trouble(record: TriggerRecord) -> Json | None:
    """That a trigger waits for what it looks at: since when, and why. No part of the reference's contract."""
    found = trouble_of(record)
    if found is None:
        return None
    return {"since": found.since, "failures": found.failures, "reason": found.reason}


def backfill(found: Backfill) -> Json:
    """A backfill and how far it has come."""
    shape: Json = {
        "start": found.start,
        "end": found.end,
        "currentDate": found.current,
        "paused": found.paused,
        "inputs": found.inputs or None,
        "labels": list(found.labels) or None,
        "previousNextExecutionDate": found.previous_next_at,
    }
    return {name: value for name, value in shape.items() if value is not None}


def with_definition(
    record: TriggerRecord, definition: TriggerDefinition, worker_id: str | None = None
) -> Json:
    """A trigger in a search: what the flow says and how it stands, each under both names."""
    written = {
        "id": definition.id,
        "type": definition.written_type,
        **definition.properties,
        "disabled": definition.disabled,
    }
    told = state(record, worker_id)
    return {"trigger": written, "state": told, "abstractTrigger": written, "triggerContext": told}
