"""Records of triggers follow the revisions of flows. Pure (triggers spec A2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from batuta.firing.rules import Rule, digest, kind_of
from batuta.firing.sources import Latest
from batuta.model.trigger import TriggerKey, TriggerKind, TriggerRecord

FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"


class Reconciled(msgspec.Struct):
    """What to write."""

    changed: list[TriggerRecord] = []
    """Records as they are, but for what the flow says about them."""
    fresh: list[TriggerRecord] = []
    """Records that begin, or begin anew: their `next_at` is to be found."""
    removed: list[TriggerKey] = []
    stopped: list[TriggerKey] = []
    """Their evaluations are given up."""
    listens: bool = False
    """The flow reacts to executions of others."""


def reconcile(latest: Latest | None, records: Sequence[TriggerRecord], now: datetime) -> Reconciled:
    """What becomes of the records of a flow after a new revision of it."""
    found = Reconciled()
    if latest is None or latest.deleted:
        found.removed = [record.key for record in records]
        return found
    if latest.flow is None:
        for each in records:
            if not each.held:
                _hold(found, each, {"held": True, "updated_at": now})
        return found
    present = {record.trigger_id: record for record in records}
    for id, rule in latest.rules.items():
        if rule.definition.type == FLOW_TRIGGER:
            found.listens |= latest.can_start and not rule.definition.disabled
        kind = kind_of(rule.definition)
        if kind is not None:
            _follow(found, rule, kind, present.pop(id, None), now, draft=latest.draft)
    found.removed = [record.key for record in present.values()]
    return found


def _follow(
    found: Reconciled,
    rule: Rule,
    kind: TriggerKind,
    record: TriggerRecord | None,
    now: datetime,
    *,
    draft: bool,
) -> None:
    is_held = draft or rule.flow.disabled or rule.definition.disabled
    definition = digest(rule.definition)
    if record is None:
        found.fresh.append(
            TriggerRecord(
                namespace=rule.key.namespace,
                flow_id=rule.key.flow_id,
                trigger_id=rule.key.trigger_id,
                kind=kind,
                definition=definition,
                revision=rule.flow.revision,
                created_at=now,
                updated_at=now,
                date=now.replace(microsecond=0),
                stop_after=rule.stop_after,
                held=is_held,
            )
        )
        return
    told = {"held": is_held, "revision": rule.flow.revision, "updated_at": now}
    if record.definition != definition:
        found.stopped.append(record.key)
        found.fresh.append(
            replace(
                record,
                kind=kind,
                definition=definition,
                stop_after=rule.stop_after,
                execution_id=None,
                evaluating_since=None,
                backfill=None,
                failing_since=None,
                failures=0,
                problem=None,
                **told,
            )
        )
    elif record.held and not is_held and record.backfill is None:
        found.fresh.append(replace(record, **told))
    elif record.held != is_held:
        _hold(found, record, told)


def _hold(found: Reconciled, record: TriggerRecord, told: dict[str, Any]) -> None:
    """What is disabled in the flow's text is not evaluated."""
    if record.evaluating_since is not None:
        found.stopped.append(record.key)
        told = {**told, "evaluating_since": None}
    found.changed.append(replace(record, **told))
