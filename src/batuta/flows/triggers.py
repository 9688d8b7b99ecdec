"""Triggers of a flow and their conditions, in document form (triggers spec A1, A3 to A10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta import expr
from batuta.flows import known_types, labels, type_check
from batuta.flows.section import Section
from batuta.flows.tasks import ID
from batuta.model.flow import TriggerDefinition
from batuta.model.state import State
from batuta.model.task import LogLevel

COMMON = frozenset(
    {
        "id",
        "type",
        "description",
        "disabled",
        "conditions",
        "when",
        "labels",
        "stopAfter",
        "allowConcurrent",
        "failOnTriggerError",
        "logLevel",
        "logToFile",
        "workerGroup",
        "workerSelector",
        "version",
        "pluginDefaultsRef",
        "assets",
    }
)
_HEAD = frozenset({"id", "type", "disabled"})
"""Common properties with a member of `TriggerDefinition`; all others are kept among its properties."""
_FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
_WEBHOOK = "io.kestra.plugin.core.trigger.Webhook"
_SCHEDULES = ("io.kestra.plugin.core.trigger.Schedule", "io.kestra.plugin.core.trigger.ScheduleOnDates")
_MULTIPLE = "io.kestra.plugin.core.condition.MultipleCondition"
_EVERYTHING = (
    "This flow will be triggered for EVERY execution of EVERY flow on your instance. "
    "Restrict the trigger with `preconditions` or `conditions` unless that is what you want."
)


def triggers(section: Section) -> tuple[TriggerDefinition, ...]:
    """The triggers of a flow; those without a usable type are left out."""
    return tuple(found for each in section.sections("triggers") if (found := one_trigger(each)) is not None)


def one_trigger(section: Section) -> TriggerDefinition | None:
    """One trigger."""
    id = section.text("id", required=True, pattern=ID, least=1, most=256)
    found = type_check.find(section, "trigger")
    _check_common(section)
    if found is None:
        return None
    _check_own(section, found)
    _check_conditions(section, found)
    properties = {name: value for name, value in section.data.items() if name not in _HEAD}
    return TriggerDefinition(
        id=id or "",
        type=found.name,
        written_type=section.data["type"],
        disabled=section.flag("disabled"),
        properties=properties,
    )


def _check_common(section: Section) -> None:
    section.text("description")
    section.text("when")
    section.choice("logLevel", LogLevel)
    for name in ("allowConcurrent", "failOnTriggerError", "logToFile"):
        section.flag(name)
    for place, state in enumerate(section.texts("stopAfter")):
        if state not in State.__members__:
            section.found.wrong(
                (*section.at("stopAfter"), place), f"must be one of {', '.join(State)}, but is `{state}`"
            )
    labels.labels(section, system_allowed=frozenset())


def _check_own(section: Section, found: type_check.Found) -> None:
    """What the trigger's type has to say about its properties."""
    own = {name: value for name, value in section.data.items() if name not in COMMON}
    if found.cls is not None:
        for name in type_check.fields(found.cls):
            if name in section.data:
                own[name] = section.data[name]
        type_check.check_properties(section, found.cls, own, COMMON, found.name)
    elif found.name in known_types.TRIGGERS:
        required, optional = known_types.TRIGGERS[found.name]
        section.refuse_unknown(COMMON | required | optional, found.name)
        for name in sorted(required):
            if not section.has(name):
                section.wrong(name, "must not be null", hint=f"add `{name}:` to the trigger")
    else:
        type_check.warn_unsupported(section, found, "trigger")
    if found.name in _SCHEDULES:
        _check_zone(section)
    if found.name == _SCHEDULES[0]:
        _check_cron(section)
    if found.name == _FLOW_TRIGGER and not any(map(section.has, ("conditions", "preconditions", "when"))):
        section.found.warn(section.path, _EVERYTHING, code="flow.trigger-without-filter")


def _check_conditions(section: Section, found: type_check.Found) -> None:
    for name in ("conditions", "scheduleConditions"):
        for condition in section.sections(name):
            for kind in _condition_types(condition):
                if kind == _MULTIPLE and found.name == _WEBHOOK:
                    message = "invalid webhook: conditions of type MultipleCondition are not supported"
                    condition.wrong("type", message)


def _condition_types(section: Section) -> Iterator[str]:
    """Check a condition and those inside it; give their types."""
    found = type_check.find(section, "condition")
    if found is None:
        return
    yield found.name
    if found.cls is None and found.name in known_types.CONDITIONS:
        for name in sorted(known_types.CONDITIONS[found.name]):
            if not section.has(name):
                section.wrong(name, "must not be null", hint=f"add `{name}:` to the condition")
    elif found.cls is None:
        section.wrong("type", f"{found.name} is not a condition")
    inner = section.data.get("conditions")
    if isinstance(inner, dict):
        below = section.section("conditions")
        assert below is not None
        for name in inner:
            each = below.section(name)
            if each is not None:
                yield from _condition_types(each)
    elif inner is not None:
        for each in section.sections("conditions"):
            yield from _condition_types(each)


def _check_zone(section: Section) -> None:
    from zoneinfo import ZoneInfo

    name = section.text("timezone")
    if name is None or expr.is_template(name):
        return
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        message = f"timezone '({name})' is not a valid time-zone ID"
        section.wrong("timezone", message, hint="use a name such as Europe/Paris or UTC")


_CRON_NAMES = {
    **{
        name: place
        for place, name in enumerate(
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
        )
    },
    **{name: place for place, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])},
}
_CRON_FIELDS = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
_CRON_NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def _check_cron(section: Section) -> None:
    text = section.text("cron")
    if text is None or expr.is_template(text):
        return
    problem = cron_problem(text, with_seconds=section.flag("withSeconds"))
    if problem is not None:
        section.wrong(
            "cron",
            f"invalid cron expression '{text}': {problem}",
            hint="five fields, such as `0 9 * * MON-FRI`",
        )


def cron_problem(text: str, *, with_seconds: bool = False) -> str | None:
    """What is wrong with a cron expression, or None (triggers spec A3.1)."""
    if text.strip().startswith("@"):
        return (
            None if text.strip() in _CRON_NICKNAMES else f"known nicknames are {', '.join(_CRON_NICKNAMES)}"
        )
    parts = text.split()
    fields = _CRON_FIELDS if with_seconds else _CRON_FIELDS[1:]
    if len(parts) != len(fields):
        return f"it has {len(parts)} fields instead of {len(fields)}"
    for part, (name, low, high) in zip(parts, fields, strict=True):
        for item in part.split(","):
            if not _is_cron_item(item, low, high):
                return f"`{item}` is not a {name} from {low} to {high}"
    return None


def _is_cron_item(item: str, low: int, high: int) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    ends = [_cron_number(each) for each in ((first, last) if dash else (first,))]
    return all(end is not None and low <= end <= high for end in ends)


def _cron_number(text: str) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 4:
        return int(text)
    return _CRON_NAMES.get(text.upper())


def properties_of(trigger: TriggerDefinition) -> dict[str, Any]:
    """A trigger's properties without the common ones."""
    return {name: value for name, value in trigger.properties.items() if name not in COMMON}
