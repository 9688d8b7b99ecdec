"""Triggers of a flow and their conditions, in document form (triggers spec A1, A3 to A10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batuta import expr
from batuta.errors import BatutaError
from batuta.flows import known_types, labels, type_check
from batuta.flows.section import Section
from batuta.flows.tasks import ID
from batuta.flows.trigger_inputs import SCHEDULES
from batuta.model.flow import TriggerDefinition
from batuta.model.state import State
from batuta.model.task import LogLevel
from batuta.plugin import converters, forms
from batuta.plugin.condition import Condition
from batuta.plugin.trigger import Trigger

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
_MULTIPLE = "io.kestra.plugin.core.condition.MultipleCondition"
_FILTERS = ("conditions", "preconditions", "dependsOn", "when")
_EVERYTHING = (
    "This flow will be triggered for EVERY execution of EVERY flow on your instance. "
    "Restrict the trigger with `dependsOn`, `preconditions` or `conditions` unless that is what you want."
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
        _check_together(section, found.cls, own)
    elif found.name in known_types.TRIGGERS:
        required, optional = known_types.TRIGGERS[found.name]
        section.refuse_unknown(COMMON | required | optional, found.name)
        for name in sorted(required):
            if not section.has(name):
                section.wrong(name, "must not be null", hint=f"add `{name}:` to the trigger")
    else:
        type_check.warn_unsupported(section, found, "trigger")
    if found.name in SCHEDULES:
        _check_zone(section)
    if found.name == _FLOW_TRIGGER and not any(map(section.has, _FILTERS)):
        section.found.warn(section.path, _EVERYTHING, code="flow.trigger-without-filter")


def _check_together(section: Section, cls: type[Any], own: dict[str, Any]) -> None:
    """What the class itself has against properties that are all of the right type."""
    if not issubclass(cls, Trigger):
        section.wrong("type", f"{converters.type_name(cls)} is not a trigger")
        return
    declared = type_check.fields(cls)
    form = forms.Form(cls, {name: value for name, value in own.items() if name in declared})
    if form.findings:
        return
    try:
        built = form.build(_as_written)
    except BatutaError:
        return  # a template stands where a value of another type has to; it is checked once it is rendered
    for problem in built.problems():
        if not expr.is_template(str(own.get(problem.name))):
            section.wrong(problem.name, problem.message, hint=problem.hint)


def _as_written(text: str) -> str:
    return text


def check_conditions(section: Section, name: str) -> None:
    """Note what is wrong with the conditions in a list."""
    for condition in section.sections(name):
        for _ in _condition_types(condition):
            pass


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
    if found.cls is None or not issubclass(found.cls, Condition):
        section.wrong("type", f"{found.name} is not a condition")
        return
    own = {name: value for name, value in section.data.items() if name not in ("type", "version")}
    type_check.check_properties(section, found.cls, own, ("type", "version"), found.name)
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
