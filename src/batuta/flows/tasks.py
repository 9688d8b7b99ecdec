"""Tasks in document form, from sections of a flow (flow spec §4, §6 and §12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from batuta.flows import declarations, known_types, type_check
from batuta.flows.section import Section
from batuta.model.task import LogLevel, RetryBehavior, RetryKind, RetryPolicy, Task

ID = r"[a-zA-Z0-9][a-zA-Z0-9_-]*"
TYPED = frozenset(
    {
        "id",
        "type",
        "description",
        "when",
        "disabled",
        "timeout",
        "retry",
        "allowFailure",
        "allowWarning",
        "logLevel",
        "logToFile",
    }
)
"""Common properties with a member of `Task`."""
CARRIED = frozenset({"version", "workerGroup", "workerSelector", "taskCache", "assets", "pluginDefaultsRef"})
"""Common properties that are kept as they are."""
COMMON = TYPED | CARRIED
_EMPTY_LIST = {
    "io.kestra.plugin.core.flow.WorkingDirectory": "The 'tasks' property cannot be empty",
    "io.kestra.plugin.core.flow.Loop": "The 'tasks' property cannot be empty",
    "io.kestra.plugin.core.flow.Dag": "No task defined",
}
"""What types with words of their own say about an empty list of tasks; the others say `must not be empty`."""
_ASKED = {
    "io.kestra.plugin.core.flow.Pause": "onResume",
    "io.kestra.plugin.core.flow.Approval": "inputs",
}
"""The property in which a type declares inputs that are asked for while the execution waits."""


def tasks(section: Section, name: str) -> tuple[Task, ...]:
    """The list of tasks under `name`; those without a usable type are left out."""
    return tuple(task for each in section.sections(name) if (task := one_task(each)) is not None)


def one_task(section: Section, depends_on: tuple[str, ...] = ()) -> Task | None:
    """One task and all below it."""
    id = section.text("id", required=True, pattern=ID, least=1, most=256)
    found = type_check.find(section, "task")
    common = {
        "description": section.text("description"),
        "when": section.text("when"),
        "disabled": section.flag("disabled"),
        "timeout": section.duration("timeout", templated=True),
        "retry": retry(section),
        "allow_failure": section.flag("allowFailure"),
        "allow_warning": section.flag("allowWarning"),
        "log_level": section.choice("logLevel", LogLevel),
        "log_to_file": section.flag("logToFile"),
    }
    _check_carried(section)
    if found is None:
        _visit_unknown(section)
        return None
    properties, branches = _parts(section, found)
    return Task(
        id=id or "",
        type=found.name,
        written_type=section.data["type"],
        depends_on=depends_on,
        properties=properties,
        branches=branches,
        common={name: section.data[name] for name in CARRIED if name in section.data},
        **common,  # type: ignore[arg-type]
    )


def _check_carried(section: Section) -> None:
    cache = section.section("taskCache")
    if cache is not None:
        cache.refuse_unknown({"enabled", "ttl"}, "io.kestra.core.models.tasks.Cache")
        cache.flag("enabled")
        cache.duration("ttl")
    section.section("workerGroup")
    section.section("workerSelector")


def _parts(section: Section, found: type_check.Found) -> tuple[dict[str, Any], dict[str, tuple[Task, ...]]]:
    """Own properties without children, and the children by the name of their list."""
    own = {name: value for name, value in section.data.items() if name not in COMMON}
    if found.cls is None:
        type_check.warn_unsupported(section, found, "task")
        names = known_types.branches(found.name)
        branches = {name: tasks(section, name) for name in names if isinstance(section.data.get(name), list)}
        return {name: value for name, value in own.items() if name not in branches}, branches
    held = type_check.task_fields(found.cls)
    for name in type_check.fields(found.cls):
        if name in COMMON and name in section.data:
            own[name] = section.data[name]
    properties = {name: value for name, value in own.items() if name not in held}
    type_check.check_properties(section, found.cls, properties, {*COMMON, *held}, found.name)
    branches = {}
    for name, annotation in held.items():
        branches.update(_branches(section, name, annotation))
        _check_filled(section, name, found)
    if (asked := _ASKED.get(found.name)) is not None:
        _check_asked(section, asked)
    return properties, branches


def _check_asked(section: Section, name: str) -> None:
    """Inputs that are asked for while the execution waits are declared like those of the flow."""
    declared = declarations.inputs(section, name)
    repeated = [id for id, times in Counter(each.id for each in declared).items() if times > 1 and id]
    if repeated:
        section.wrong(name, f"Duplicate input with name [{', '.join(repeated)}]")


def _branches(section: Section, name: str, annotation: Any) -> Iterator[tuple[str, tuple[Task, ...]]]:
    """The lists that one property declares: one, or for a map of lists one per key."""
    raw = section.data.get(name)
    if raw is None:
        return
    struct = type_check.item_struct(annotation)
    if struct is not None:
        yield name, tuple(_wrapped(section, name, struct))
    elif isinstance(raw, dict) and _is_map(annotation):
        below = Section(section.found, section.at(name), raw)
        for key in raw:
            yield f"{name}.{key}", tasks(below, key)
    elif isinstance(raw, dict):
        only = one_task(Section(section.found, section.at(name), raw))
        yield name, () if only is None else (only,)
    else:
        yield name, tasks(section, name)


def _is_map(annotation: Any) -> bool:
    return any(get_origin(each) is dict for each in _unwrapped(annotation))


def _unwrapped(annotation: Any) -> Iterator[Any]:
    """The annotation without `Annotated` and each member of a union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _unwrapped(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _unwrapped(each)
    else:
        yield annotation


def _wrapped(section: Section, name: str, struct: type[Any]) -> Iterator[Task]:
    """The tasks of a Dag: each inside a map that says what it depends on."""
    for each in section.sections(name):
        each.refuse_unknown(set(type_check.fields(struct)), f"{section.data.get('type')}$DagTask")
        inner = each.section("task")
        if inner is None:
            if each.data.get("task") is None:
                each.wrong("task", "must not be null", hint="write the task below `task:`")
            continue
        task = one_task(inner, depends_on=each.texts("dependsOn"))
        if task is not None:
            yield task


def _check_filled(section: Section, name: str, found: type_check.Found) -> None:
    """A list that the type requires must hold something."""
    assert found.cls is not None
    raw = section.data.get(name)
    if type_check.fields(found.cls)[name].required and (raw is None or raw == [] or raw == {}):
        section.wrong(
            name, _EMPTY_LIST.get(found.name, "must not be empty"), hint=f"add a task below `{name}:`"
        )


def _visit_unknown(section: Section) -> None:
    """Look below a task of unknown type, so that what is wrong there is found in the same round."""
    for name, value in section.data.items():
        held = isinstance(value, list) and all(isinstance(item, dict) and "type" in item for item in value)
        if held and name in ("tasks", "errors", "finally", "then", "else", "defaults"):
            tasks(section, name)


_RETRY = {
    RetryKind.CONSTANT: frozenset({"interval"}),
    RetryKind.EXPONENTIAL: frozenset({"interval", "maxInterval", "delayFactor"}),
    RetryKind.RANDOM: frozenset({"minInterval", "maxInterval"}),
}
_RETRY_REQUIRED = {
    RetryKind.CONSTANT: ("interval",),
    RetryKind.EXPONENTIAL: ("interval", "maxInterval"),
    RetryKind.RANDOM: ("minInterval", "maxInterval"),
}
_RETRY_COMMON = frozenset({"type", "maxAttempts", "maxDuration", "warningOnRetry", "behavior"})
_SHORTER = (
    ("interval", "maxDuration"),
    ("interval", "maxInterval"),
    ("minInterval", "maxDuration"),
    ("maxInterval", "maxDuration"),
    ("minInterval", "maxInterval"),
)
"""Pairs of which the first must be less than the second (flow spec §12.1)."""


def retry(section: Section, name: str = "retry") -> RetryPolicy | None:
    """The retry policy under `name`."""
    below = section.section(name)
    if below is None:
        return None
    kind = below.choice("type", RetryKind, required=True)
    if kind is None:
        return None
    owner = f"io.kestra.core.models.tasks.retrys.{kind.value.capitalize()}"
    below.refuse_unknown(_RETRY_COMMON | _RETRY[kind], owner)
    for required in _RETRY_REQUIRED[kind]:
        if not below.has(required):
            below.wrong(required, "must not be null", hint=f"add `{required}: PT30S`, or another duration")
    lengths = {
        each: below.timedelta(each) for each in ("interval", "minInterval", "maxInterval", "maxDuration")
    }
    for less, more in _SHORTER:
        low, high = lengths[less], lengths[more]
        if low is not None and high is not None and low >= high:
            below.wrong(less, f"'{less}' must be less than '{more}' but is {below.data[less]}")
    return RetryPolicy(
        type=kind,
        interval=below.text("interval"),
        max_interval=below.text("maxInterval"),
        min_interval=below.text("minInterval"),
        delay_factor=below.number("delayFactor") or 2.0,
        max_attempts=below.integer("maxAttempts", least=1),
        max_duration=below.text("maxDuration"),
        warning_on_retry=below.flag("warningOnRetry"),
        behavior=below.choice("behavior", RetryBehavior) or RetryBehavior.RETRY_FAILED_TASK,
    )
