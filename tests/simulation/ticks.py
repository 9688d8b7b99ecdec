"""Ticks of schedules: each is started once, in order, and none is missing.

The oracle tries every second; it shares nothing with the calendar that it judges.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from batuta.model.trigger import Backfill, TriggerKey, TriggerRecord
from batuta.store.batch import Batch
from tests.simulation.model import Known

if TYPE_CHECKING:
    from tests.simulation.checker import Checker

_SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"

CRONS: dict[str, Callable[[datetime], bool]] = {
    "0 * * * * *": lambda at: at.second == 0,
    "*/20 * * * * *": lambda at: at.second % 20 == 0,
    "7,37 * * * * *": lambda at: at.second in (7, 37),
    "30 */2 * * * *": lambda at: at.second == 30 and at.minute % 2 == 0,
}
"""Expressions with seconds, and what they mean."""


class Ticking(msgspec.Struct):
    """One trigger."""

    fits: Callable[[datetime], bool]
    begins: datetime
    record: TriggerRecord
    concurrent: bool
    until: datetime | None = None
    """The first tick that is not to come: the trigger was switched off before it."""
    started: dict[str, str] = {}
    """Executions by date."""
    backfills: dict[str, Backfill] = {}
    given_up: set[str] = set()
    """Backfills that people deleted or replaced."""


class Ticks:
    """All triggers of a simulation."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._triggers: dict[TriggerKey, Ticking] = {}

    def saw(self, batch: Batch) -> None:
        """Records that were written."""
        for written in batch.triggers:
            record = msgspec.structs.replace(written, version=written.version + 1)
            ticking = self._triggers.get(record.key)
            if ticking is None:
                known = self._checker.definition(record.key)
                self._triggers[record.key] = Ticking(
                    fits=CRONS[known["cron"]],
                    begins=record.created_at,
                    record=record,
                    concurrent=known["allowConcurrent"],
                )
                continue
            if record.disabled and not ticking.record.disabled:
                ticking.until = ticking.record.next_at
            if record.backfill is not None:
                ticking.backfills[record.backfill.id] = record.backfill
            ticking.record = record

    def records(self) -> list[TriggerRecord]:
        """All records as they are."""
        return [msgspec.structs.replace(each.record) for _, each in sorted(self._triggers.items())]

    def gave_up(self, key: TriggerKey, backfill: Backfill | None) -> None:
        """People have deleted or replaced a backfill."""
        if backfill is not None:
            self._triggers[key].given_up.add(backfill.id)

    def began(self, known: Known) -> None:
        """A new execution."""
        execution = known.execution
        trigger = execution.trigger
        if trigger is None or trigger.type != _SCHEDULE or execution.original_id != execution.id:
            return
        key = TriggerKey(execution.namespace, execution.flow_id, trigger.id)
        ticking = self._triggers[key]
        date = trigger.variables["date"]
        if date in ticking.started:
            self._checker.wrong(f"the tick {date} of {key} started twice")
        if not ticking.fits(datetime.fromisoformat(date)):
            self._checker.wrong(f"{date} is no tick of {key}")
        if not ticking.concurrent:
            for other in ticking.started.values():
                earlier = self._checker.known[other]
                if not earlier.execution.is_ended and not earlier.was_permitted:
                    self._checker.wrong(f"the tick {date} of {key} started beside {other}")
        ticking.started[date] = execution.id

    def are_quiet(self) -> bool:
        """Every trigger is switched off, and nothing that it started is under way."""
        return all(record.disabled and not record.is_locked for record in self.records())

    def at_rest(self) -> None:
        """Every tick that is over was started."""
        for key, ticking in self._triggers.items():
            until = ticking.until
            if until is None:
                self._checker.wrong(f"{key} is not switched off")
                continue
            expected = ticks(ticking.fits, ticking.begins, until - timedelta(seconds=1))
            for id, backfill in ticking.backfills.items():
                if id not in ticking.given_up:
                    expected |= ticks(ticking.fits, backfill.start - timedelta(seconds=1), backfill.end)
            started = {datetime.fromisoformat(date) for date in ticking.started}
            missing = sorted(expected - started)
            if missing:
                self._checker.wrong(f"{len(missing)} ticks of {key} are missing, first {missing[0]}")


def ticks(fits: Callable[[datetime], bool], after: datetime, until: datetime) -> set[datetime]:
    """Every tick after an instant, up to and with another."""
    at = after.replace(microsecond=0) + timedelta(seconds=1)
    found = set()
    while at <= until:
        if fits(at):
            found.add(at)
        at += timedelta(seconds=1)
    return found
