"""Daily windows of Flow triggers that closed before all was met: `onMiss`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from batuta import expr, ids
from batuta.bus.port import ExecutionChanged
from batuta.errors import AlreadyFired, BatutaError
from batuta.firing.failures import failure
from batuta.firing.launching import Launcher
from batuta.firing.rules import Rule, raw_labels
from batuta.firing.scene import with_facts
from batuta.model.labels import Label
from batuta.model.trigger import Firing
from batuta.ports import Ports
from batuta.store.batch import Batch

log = logging.getLogger(__name__)


async def tell_misses(ports: Ports, launcher: Launcher, listened: Iterable[tuple[Rule, datetime]]) -> None:
    """Make the execution that has failed, once for each window that closed unmet.

    `listened` are Flow triggers, and since when they listen. Only the last window of each is looked at: those
    that closed while nothing ran are told once.
    """
    for rule, since in listened:
        if "onMiss" not in rule.definition.properties:
            continue
        try:
            await _tell(ports, launcher, rule, since)
        except (BatutaError, expr.ExpressionError) as error:
            log.warning("the window of %s cannot be looked at: %s", rule.key, error)


async def _tell(ports: Ports, launcher: Launcher, rule: Rule, since: datetime) -> None:
    from batuta.plugins.core.trigger.dependencies import last_deadline

    now = ports.clock.now()
    trigger = await _built(launcher, rule, now)
    closed = last_deadline(trigger.window, now)
    if trigger.on_miss is None or closed is None or closed[1] <= since:
        return
    start, end = closed
    occasion = f"miss:{end.isoformat()}"
    if await ports.store.triggers.has_fired(rule.key, occasion):
        return
    window = await ports.store.triggers.window(rule.flow.key, window_name(rule))
    is_met = window is not None and window.fired and window.start <= end and start <= window.end
    execution_id = None if is_met else ids.derived_id("miss", *rule.key, occasion)
    batch = Batch()
    if execution_id is not None:
        reason = f"Not everything that the trigger depends on had happened by {end.isoformat()}"
        execution, line = failure(rule, execution_id, reason, now)
        labels = [Label(key, str(value)) for key, value in raw_labels(trigger.on_miss.labels)]
        execution = replace(execution, labels=(*execution.labels, *labels))
        batch.executions[execution_id] = execution
        batch.logs.append(line)
    batch.firings.append(Firing(**rule.key._asdict(), occasion=occasion, at=now, execution_id=execution_id))
    try:
        await ports.store.commit(batch)
    except AlreadyFired:
        return
    if execution_id is not None:
        await ports.bus.publish(ExecutionChanged(execution_id=execution_id, settled=True))


async def _built(launcher: Launcher, rule: Rule, now: datetime) -> Any:
    world = launcher.world
    options = world.options(now)

    def make(facts: expr.Facts) -> Any:
        return rule.built(rule.scene(rule.names(world), facts, options))

    return await with_facts(launcher.lookups, rule.flow.namespace, make)


def window_name(rule: Rule) -> str:
    """Where what a trigger depends on is noted as met."""
    return f"dependsOn:{rule.definition.id}"
