"""Records of triggers are brought up to the newest revisions of their flows (triggers spec A2.2)."""

from __future__ import annotations

import logging

from batuta.bus.port import TriggerJobsChanged, TriggersChanged
from batuta.errors import Outdated
from batuta.firing.sources import RuleSource
from batuta.model.flow import FlowKey
from batuta.model.trigger import ReadFlow
from batuta.ports import Ports
from batuta.scheduler.planning import Planner
from batuta.scheduler.reactions import Reactions
from batuta.scheduler.reconcile import reconcile
from batuta.store.batch import Batch

TRIES = 5
"""How often a change is tried again that lost a race."""

log = logging.getLogger(__name__)


class FlowRecords:
    """Follows flows as they are saved."""

    def __init__(self, ports: Ports, rules: RuleSource, planner: Planner, reactions: Reactions) -> None:
        self._ports = ports
        self._store = ports.store
        self._clock = ports.clock
        self._rules = rules
        self._planner = planner
        self._reactions = reactions

    async def read_all(self) -> None:
        """Every flow with a revision that was not read."""
        for key in await self._store.triggers.unread_flows():
            await self.read(key)

    async def read(self, key: FlowKey) -> None:
        """Bring the records of a flow up to its newest revision."""
        for _ in range(TRIES):
            now = self._clock.now()
            latest = await self._rules.latest(key)
            if latest is None:
                return
            found = reconcile(latest, await self._store.triggers.of_flow(key), now)
            batch = Batch(
                triggers=[*found.changed, *[await self._planner.begun(record) for record in found.fresh]],
                removed_triggers=found.removed,
                removed_trigger_jobs=found.stopped,
                read_flows=[ReadFlow(key.namespace, key.id, latest.revision, found.listens)],
            )
            if latest.deleted:
                batch.removed_windows.append((key.namespace, key.id, None))
            try:
                await self._store.commit(batch)
            except Outdated:
                continue
            await self._ports.bus.publish(TriggersChanged())
            if batch.removed_trigger_jobs or batch.removed_triggers:
                await self._ports.bus.publish(TriggerJobsChanged())
            await self._reactions.follow(key, listens=found.listens)
            return
        log.warning("the triggers of %s are being changed by others", key)
