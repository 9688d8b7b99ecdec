"""A trigger of a flow, read for use: what it says apart from what depends on the moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from batuta import expr, iso8601
from batuta.engine.world import World
from batuta.errors import BatutaError
from batuta.firing.scene import Forms, Scene, names_of, with_trigger
from batuta.firing.zones import server_zone
from batuta.model.flow import Flow, TriggerDefinition
from batuta.model.labels import Label
from batuta.model.state import State
from batuta.model.trigger import TriggerKey, TriggerKind
from batuta.plugin import condition, registry
from batuta.plugin.forms import Form
from batuta.plugin.trigger import PollingTrigger, RealtimeTrigger, ScheduledTrigger, Trigger
from batuta.timetable import CronCalendar, Filtered, Holds, Recover, instant_of
from batuta.timetable.calendar import Calendar

SHORTEST_INTERVAL = timedelta(seconds=1)
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Rule:
    """One trigger of one revision of a flow."""

    def __init__(self, flow: Flow, definition: TriggerDefinition) -> None:
        self.flow = flow
        self.definition = definition
        self.key = TriggerKey(flow.namespace, flow.id, definition.id)
        self.cls = class_of(definition)
        properties = definition.properties
        self.conditions: list[Any] = [
            *(properties.get("conditions") or ()),
            *(properties.get("scheduleConditions") or ()),
        ]
        self.when: str | None = properties.get("when")
        self.allow_concurrent = _flag(properties.get("allowConcurrent"))
        self.fail_on_error = _flag(properties.get("failOnTriggerError"))
        self.stop_after = stop_after(definition)
        self.inputs: dict[str, Any] = dict(properties.get("inputs") or {})
        self.labels = raw_labels(properties.get("labels"))
        self.forms: Forms = {}
        self._form: Form[Any] | None = None

    def form(self) -> Form[Any]:
        """How the trigger's own properties are built; without its inputs, which wait for their moment.

        Raises:
            BatutaError: its type is not supported.
        """
        if self._form is None:
            if self.cls is None:
                raise BatutaError(f"the trigger type {self.definition.written_type} is not supported")
            own = {
                name: value
                for name, value in self.definition.properties.items()
                if name in _own_fields(self.cls) and name != "inputs"
            }
            self._form = Form(self.cls, own)
        return self._form

    def built(self, scene: Scene) -> Any:
        """The trigger's own properties, rendered."""
        return self.form().build(scene.render)

    @property
    def interval(self) -> timedelta:
        """The time between two looks of a polling trigger."""
        written = self.definition.properties.get("interval")
        if isinstance(written, str):
            try:
                return max(iso8601.parse_duration(written), SHORTEST_INTERVAL)
            except ValueError:
                pass
        fields = msgspec.structs.fields(self.cls) if self.cls is not None else ()
        declared = next((field.default for field in fields if field.name == "interval"), None)
        return declared if isinstance(declared, timedelta) else timedelta(seconds=60)

    def names(self, world: World, variables: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """What its expressions see."""
        told = {"id": self.definition.id, "type": self.definition.type} if variables is None else variables
        return with_trigger(names_of(self.flow, world), told)

    def scene(self, names: Mapping[str, Any], facts: expr.Facts, options: expr.Options) -> Scene:
        """An occasion with these names."""
        return Scene(self.flow, names, facts=facts, options=options, forms=self.forms)


class Schedule:
    """A scheduled trigger at a moment: its ticks, and what executions are told about them."""

    def __init__(
        self, rule: Rule, world: World, facts: expr.Facts, options: expr.Options, zone: str | None = None
    ) -> None:
        self.rule = rule
        self._base = names_of(rule.flow, world)
        self._facts = facts
        self._options = options
        self._recover = world.recover_missed_schedules
        scene = rule.scene(rule.names(world), facts, options)
        self.trigger: ScheduledTrigger = rule.built(scene)
        zone = self.trigger.timezone or zone or server_zone()
        self.zone = ZoneInfo(zone)
        self.zone_name = zone
        self.calendar: Calendar = self.trigger.ticks(zone)
        self._of_dates = [each for each in rule.conditions if condition.load(each).of_dates]
        self._others = [each for each in rule.conditions if not condition.load(each).of_dates]
        self.filtered = Filtered(self.calendar, self._holds, self._end_of_day)

    @property
    def late_maximum_delay(self) -> timedelta | None:
        """A tick that is later is left out."""
        delay: timedelta | None = getattr(self.trigger, "late_maximum_delay", None)
        return delay

    @property
    def recover(self) -> Recover:
        """What becomes of missed ticks."""
        return Recover(self.trigger.recover_missed_schedules or self._recover)

    def first_from(self, instant: datetime) -> datetime | None:
        """The first tick at or after an instant, or a checkpoint (see `timetable.Filtered`)."""
        return self.filtered.next_after(instant - _MICROSECOND)

    def counts(self, tick: datetime) -> bool:
        """The conditions about dates hold for a tick."""
        return self._holds(tick) is Holds.YES

    def _holds(self, tick: datetime) -> Holds:
        if not self._of_dates:
            return Holds.YES
        scene = self._scene(self._raw(tick))
        for document in self._of_dates:
            try:
                asked = scene.built(document)
                if asked.holds(scene):
                    continue
            except (BatutaError, expr.ExpressionError):
                continue  # told when the tick is due
            return Holds.NOT_TODAY if asked.of_days and not document.get("date") else Holds.NO
        return Holds.YES

    def _end_of_day(self, tick: datetime) -> datetime:
        """The last moment of a tick's local day."""
        local = tick.astimezone(self.zone)
        midnight = (local.replace(tzinfo=None) + _DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        return instant_of(midnight, self.zone) - _MICROSECOND

    def _scene(self, variables: Mapping[str, Any]) -> Scene:
        return self.rule.scene(with_trigger(self._base, variables), self._facts, self._options)

    def agrees(self, tick: datetime) -> bool:
        """All conditions hold at a tick that is due.

        Raises:
            BatutaError: one of them cannot be asked.
            ExpressionError: one of them cannot be rendered.
        """
        scene = self._scene(self.variables(tick))
        when = self.rule.when
        if when is not None and not expr.is_truthy_text((scene.render(when) or "").strip()):
            return False
        return all(scene.holds(each) for each in (*self._of_dates, *self._others))

    def variables(self, tick: datetime) -> dict[str, Any]:
        """What executions see as `trigger`: neighbours are ticks for which the conditions hold as well."""
        if not self.trigger.tells_dates:
            return {}
        if not self._of_dates:
            return self._raw(tick)
        after = self.filtered.neighbour_after(tick)
        return self._told(tick, after, self.filtered.previous_before(tick))

    def _raw(self, tick: datetime) -> dict[str, Any]:
        if not self.trigger.tells_dates:
            return {"date": self.text(tick)}
        return self._told(tick, self.calendar.next_after(tick), self.calendar.previous_before(tick))

    def _told(self, tick: datetime, after: datetime | None, before: datetime | None) -> dict[str, Any]:
        dates = {"date": tick, "next": after, "previous": before}
        return {name: self.text(date) for name, date in dates.items() if date is not None}

    def text(self, tick: datetime) -> str:
        """A tick with the offset of the zone, to the second."""
        text = tick.astimezone(self.zone).isoformat(timespec="seconds")
        return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text

    def note(self, tick: datetime) -> str | None:
        """What clocks do around a tick."""
        return self.calendar.note(tick) if isinstance(self.calendar, CronCalendar) else None


def class_of(definition: TriggerDefinition) -> type[Trigger] | None:
    """The class of a trigger's type; None for one that is known and not implemented."""
    name = registry.canonical(definition.type)
    if name is None:
        return None
    cls = registry.load(name)
    return cls if issubclass(cls, Trigger) else None


def kind_of(definition: TriggerDefinition) -> TriggerKind | None:
    """Which record a trigger has; None for one that has none."""
    cls = class_of(definition)
    if cls is None:
        return None
    if issubclass(cls, ScheduledTrigger):
        return TriggerKind.SCHEDULE
    if issubclass(cls, RealtimeTrigger):
        return TriggerKind.REALTIME
    return TriggerKind.POLLING if issubclass(cls, PollingTrigger) else None


def stop_after(definition: TriggerDefinition) -> tuple[State, ...]:
    """Ends of its executions that switch the trigger off."""
    return tuple(State(each) for each in definition.properties.get("stopAfter") or ())


def digest(definition: TriggerDefinition) -> str:
    """A text that changes with the definition. Whether it is disabled is told apart."""
    content = msgspec.json.encode((definition.type, definition.properties), order="sorted")
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def raw_labels(given: Any) -> list[tuple[str, Any]]:
    """Labels in either of their forms as pairs, not rendered."""
    return list(_pairs(given))


def _pairs(given: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        yield from ((str(key), value) for key, value in given.items())
    elif isinstance(given, list):
        for each in given:
            if isinstance(each, Mapping):
                yield str(each.get("key")), each.get("value")
            elif isinstance(each, Label):
                yield each.key, each.value


def _flag(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _own_fields(cls: type[Trigger]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(cls))
