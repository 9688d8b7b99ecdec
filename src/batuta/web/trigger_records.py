"""Records of triggers, as requests name, read and change them (API spec §12)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from batuta import expr, ids
from batuta.bus.port import TriggersChanged
from batuta.errors import Conflict, InvalidRequest, NotFound, Outdated
from batuta.firing import changes
from batuta.firing.rules import Rule, Schedule, class_of, kind_of, raw_labels
from batuta.firing.scene import with_facts
from batuta.model.flow import FlowKey
from batuta.model.labels import Label
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.store.batch import Batch
from batuta.store.port import Criteria, Order, Search
from batuta.web.access import Action
from batuta.web.query import read_instant
from batuta.web.site import Site

log = logging.getLogger(__name__)
Json = dict[str, Any]
Change = Callable[[TriggerRecord, datetime], TriggerRecord]

TRIES = 5
FOLLOW_SECONDS = 2.0
"""The scheduler reads a flow within milliseconds, unless it is down or far behind."""
MOST_RECORDS = 10_000
"""Most records that one bulk request changes."""


class TriggerName(msgspec.Struct, rename="camel"):
    """A trigger in a body."""

    namespace: str
    flow_id: str
    trigger_id: str

    @property
    def key(self) -> TriggerKey:
        """As a key."""
        return TriggerKey(self.namespace, self.flow_id, self.trigger_id)


class BackfillOrder(msgspec.Struct, rename="camel"):
    """A range to fill."""

    start: str
    end: str | None = None
    inputs: dict[str, Any] | None = None
    labels: Any = None


class TriggerOrder(TriggerName, rename="camel"):
    """A trigger and what shall become of it."""

    disabled: bool | None = None
    recover_missed_schedules: bool | None = None
    backfill: BackfillOrder | None = None


async def follow(site: Site, key: FlowKey) -> None:
    """Wait until the scheduler has brought the records of a flow up to its newest revision.

    Otherwise a trigger would be missing right after its flow was saved, and a backfill that is asked for then
    be dropped. Where no scheduler runs, the records are taken as they are after a while.
    """
    triggers = site.ports.store.triggers
    if await triggers.is_read(key):
        return
    try:
        async with (
            asyncio.timeout(FOLLOW_SECONDS),
            site.ports.bus.subscribe(TriggersChanged) as hints,
        ):
            while not await triggers.is_read(key):
                await anext(hints)
    except TimeoutError:
        log.warning("the scheduler has not read the newest revision of %s", key)


async def need(site: Site, key: TriggerKey) -> TriggerRecord:
    """The record of a trigger.

    Raises:
        NotFound: there is no such trigger.
        Conflict: it is of a kind that has no record.
    """
    await follow(site, key.flow)
    record = await site.ports.store.triggers.get(key)
    if record is not None:
        return record
    definition = await definition_of(site, key)
    if definition is not None and kind_of(definition) is None:
        raise Conflict(
            f"The trigger `{key.trigger_id}` has no state: only schedules and polling triggers have one",
            mend="edit the flow instead",
        )
    raise NotFound(f"there is no trigger `{key.trigger_id}` of the flow {key.flow}")


async def worker_of(site: Site, record: TriggerRecord) -> str | None:
    """The worker that looks, or listens, for a trigger."""
    if record.evaluating_since is None:
        return None
    job = await site.ports.store.triggers.job(record.key)
    return None if job is None else job.worker_id


async def definition_of(site: Site, key: TriggerKey) -> Any:
    """What the newest revision of a flow says about a trigger; None when it says nothing."""
    stored = await site.ports.store.flows.latest(key.flow)
    if stored is None or stored.deleted:
        return None
    flow = site.parsed(stored).flow
    return None if flow is None else next((each for each in flow.triggers if each.id == key.trigger_id), None)


async def rules_of(site: Site, key: FlowKey) -> list[Rule]:
    """The triggers of the newest revision of a flow.

    Raises:
        Conflict: the flow cannot be read.
    """
    stored = site.parsed(await site.need_latest(key))
    flow = stored.flow
    if flow is None:
        raise Conflict(f"the flow {key} cannot be read: {stored.problem}", mend="mend the flow and save it")
    return [Rule(flow, each) for each in flow.triggers if class_of(each)]


async def with_schedule(site: Site, rule: Rule, make: Callable[[Schedule], Json]) -> Json:
    """What `make` says about a schedule, with the outside values that it asks for."""
    options = site.world.options(site.now())

    def made(facts: expr.Facts) -> Json:
        return make(Schedule(rule, site.world, facts, options))

    return await with_facts(site.lookups, rule.flow.namespace, made)


async def write_change(site: Site, key: TriggerKey, change: Change) -> TriggerRecord:
    """Change a record, again if somebody else did so at the same time."""
    site.guard.must(Action.UPDATE, key.namespace)
    for _ in range(TRIES):
        before = await need(site, key)
        record = change(before, site.now())
        try:
            await site.ports.store.commit(changes.written(before, record))
        except Outdated:
            continue
        await site.ports.bus.publish(TriggersChanged())
        return record
    raise Conflict(f"the trigger {key} is being changed by others; try again")


def switch(disabled: bool, recover: bool = False) -> Change:
    """Off or on."""
    return lambda record, now: changes.switched(record, disabled=disabled, now=now, recover=recover)


async def remove_all(site: Site, keys: list[TriggerKey]) -> None:
    """Forget the state of triggers."""
    await site.ports.store.commit(Batch(removed_triggers=keys))
    await site.ports.bus.publish(TriggersChanged())


async def matching(site: Site, criteria: Criteria) -> list[TriggerRecord]:
    """Records that fit, as far as one request may change them."""
    order = (Order("namespace"), Order("flowId"), Order("triggerId"))
    page = await site.ports.store.triggers.search(Search(criteria=criteria, order=order, limit=MOST_RECORDS))
    return page.results


async def begin_backfill(site: Site, order: TriggerOrder) -> TriggerRecord:
    """Give a trigger the backfill that is asked for."""
    asked = order.backfill
    if asked is None:
        raise InvalidRequest(
            "the body has no `backfill`",
            where="backfill",
            mend='"backfill": {"start": "2026-01-01T00:00:00Z"}',
        )
    start = read_instant(asked.start, "backfill.start")
    end = None if asked.end is None else read_instant(asked.end, "backfill.end")
    labels = labels_of(asked)
    return await write_change(
        site,
        order.key,
        lambda record, now: changes.backfilled(
            record,
            id=ids.random_id(),
            start=start,
            end=end,
            inputs=asked.inputs or {},
            labels=labels,
            now=now,
        ),
    )


def labels_of(asked: BackfillOrder) -> tuple[Label, ...]:
    """The labels of a backfill; those of the system are left out."""
    return tuple(
        Label(key, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for key, value in raw_labels(asked.labels)
        if value is not None and not key.startswith("system.")
    )


def pause(on: bool) -> Change:
    """A backfill held back, or going on."""
    return lambda record, now: changes.paused(record, now=now, on=on)


def end_backfill(record: TriggerRecord, now: datetime) -> TriggerRecord:
    """A backfill given up."""
    return changes.without_backfill(record, now=now)
