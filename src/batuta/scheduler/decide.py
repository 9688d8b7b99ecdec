"""A record, its schedule and the present: what to do about a tick. Pure (triggers spec A2.3, A3.3, A5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from batuta.model.labels import Label
from batuta.model.trigger import Backfill, TriggerRecord
from batuta.timetable import Calendar, Recover, after_gap

_MICROSECOND = timedelta(microseconds=1)
_FAR = timedelta(days=365)


class Ticking(Protocol):
    """The schedule of a trigger, as far as a decision needs it (see `firing.rules.Schedule`)."""

    @property
    def calendar(self) -> Calendar:
        """All ticks."""

    @property
    def filtered(self) -> Calendar:
        """Those for which the conditions hold, and checkpoints."""

    @property
    def late_maximum_delay(self) -> timedelta | None:
        """A tick that is later is left out."""

    @property
    def recover(self) -> Recover:
        """What becomes of missed ticks."""

    def first_from(self, instant: datetime) -> datetime | None:
        """The first tick at or after an instant, or a checkpoint."""

    def counts(self, tick: datetime) -> bool:
        """It is no mere checkpoint."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: the record to write, and the tick to start, if any."""

    record: TriggerRecord
    """Without a lock: whoever starts an execution sets it."""
    tick: datetime | None = None
    series: str = ""
    """Id of the backfill that the tick belongs to."""
    inputs: dict[str, Any] = {}
    labels: tuple[Label, ...] = ()


def decide(record: TriggerRecord, schedule: Ticking, now: datetime) -> Decision:
    """What to do about a record that is due."""
    if record.backfill is not None:
        return _fill(record, record.backfill, schedule, now)
    tick = schedule.first_from(record.next_at or now)
    delay = schedule.late_maximum_delay
    if tick is not None and delay is not None and tick + delay < now:
        tick = schedule.first_from(now - delay)
    if tick is None or tick > now:
        return Decision(record=replace(record, next_at=tick or now + _FAR, evaluated_at=now, updated_at=now))
    after = schedule.filtered.next_after(tick)
    moved = replace(record, date=tick, next_at=after or now + _FAR, evaluated_at=now, updated_at=now)
    return Decision(record=moved, tick=tick if schedule.counts(tick) else None)


def _fill(record: TriggerRecord, backfill: Backfill, schedule: Ticking, now: datetime) -> Decision:
    """The next tick of a backfill."""
    record = replace(record, evaluated_at=now, updated_at=now)
    if backfill.paused:
        return Decision(record=replace(record, next_at=None))
    tick = schedule.first_from(backfill.current)
    if tick is None or tick > backfill.end:
        return Decision(record=_filled(record, backfill, schedule, now))
    after = schedule.filtered.next_after(tick)
    if after is None or after > backfill.end:
        moved = _filled(record, backfill, schedule, now)
    else:
        moved = replace(record, backfill=replace(backfill, current=after), next_at=after)
    if not schedule.counts(tick):
        return Decision(record=moved)
    return Decision(
        record=moved, tick=tick, series=backfill.id, inputs=backfill.inputs, labels=backfill.labels
    )


def _filled(record: TriggerRecord, backfill: Backfill, schedule: Ticking, now: datetime) -> TriggerRecord:
    """The backfill is through: the schedule goes on where it was."""
    waiting = backfill.previous_next_at or schedule.filtered.next_after(now) or now + _FAR
    next_at = after_gap(schedule.recover, schedule.filtered, waiting, record.date, now)
    return replace(record, backfill=None, next_at=next_at or now + _FAR)


def after_end(record: TriggerRecord, schedule: Ticking, now: datetime) -> TriggerRecord:
    """After the end of the execution that locked the trigger, or of a time without a scheduler: ticks that
    were missed meanwhile."""
    if record.backfill is not None or record.next_at is None:
        return record
    next_at = after_gap(schedule.recover, schedule.filtered, record.next_at, record.date, now)
    return replace(record, next_at=next_at or now + _FAR)
