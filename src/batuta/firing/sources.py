"""Newest revisions of flows and their triggers, each text read once."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

import msgspec

from batuta import flows
from batuta.errors import FlowError
from batuta.firing.rules import Rule, class_of
from batuta.model.flow import Flow, FlowKey, FlowRevision
from batuta.model.trigger import TriggerKey
from batuta.store.port import Store

MOST_FLOWS = 5_000
"""Flows that are kept parsed."""


class Latest(msgspec.Struct):
    """The newest revision of a flow. `flow` is None for one that was deleted or cannot be read."""

    revision: int
    saved_at: datetime
    deleted: bool
    flow: Flow | None
    rules: dict[str, Rule] = {}
    draft: bool = False

    @property
    def can_start(self) -> bool:
        """A trigger may start the flow."""
        return self.flow is not None and not self.flow.disabled and not self.draft


class RuleSource:
    """Where rules come from."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[FlowKey, Latest] = OrderedDict()

    async def latest(self, key: FlowKey) -> Latest | None:
        """The newest revision of a flow; None when there never was one."""
        stored = await self._store.flows.latest(key)
        if stored is None:
            return None
        known = self._known.get(key)
        if known is None or known.revision != stored.revision:
            known = self._known[key] = _read(stored)
            if len(self._known) > MOST_FLOWS:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known

    async def of(self, key: TriggerKey) -> Rule | None:
        """The rule of a trigger; None when its flow is gone, disabled or broken, or the trigger is."""
        latest = await self.latest(key.flow)
        if latest is None or not latest.can_start:
            return None
        rule = latest.rules.get(key.trigger_id)
        return None if rule is None or rule.definition.disabled else rule


def _read(stored: FlowRevision) -> Latest:
    flow: Flow | None = None
    if not stored.deleted:
        try:
            flow = flows.parse(stored.source, revision=stored.revision)
        except FlowError:
            flow = None
    rules = {} if flow is None else {each.id: Rule(flow, each) for each in flow.triggers if class_of(each)}
    return Latest(stored.revision, stored.created_at, stored.deleted, flow, rules, stored.draft)
