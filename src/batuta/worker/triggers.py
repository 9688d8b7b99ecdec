"""Triggers of flows, as tasks may change them."""

from __future__ import annotations

from batuta.bus.port import TriggersChanged
from batuta.errors import Conflict, Outdated, TaskError
from batuta.firing import changes
from batuta.model.trigger import TriggerKey
from batuta.ports import Ports

TRIES = 5


class TriggerRecords:
    """See `plugin.context.TriggerSwitch`."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def switch(self, namespace: str, flow_id: str, trigger_id: str, *, on: bool) -> None:
        """Let a trigger start executions, or keep it from doing so."""
        key = TriggerKey(namespace, flow_id, trigger_id)
        for _ in range(TRIES):
            record = await self._ports.store.triggers.get(key)
            if record is None:
                raise TaskError(f"There is no trigger `{trigger_id}` of the flow {namespace}.{flow_id}")
            try:
                changed = changes.switched(record, disabled=not on, now=self._ports.clock.now())
                await self._ports.store.commit(changes.written(record, changed))
            except Outdated:
                continue
            except Conflict as error:
                raise TaskError(error.what, mend=error.mend) from None
            await self._ports.bus.publish(TriggersChanged())
            return
        raise TaskError(f"The trigger {key} is being changed by others; try again")
