"""A document's data to a `Flow`, or to everything that is wrong with it (flow spec §1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from batuta.errors import FlowError
from batuta.flows import declarations, defaults, labels, renames, tasks, triggers, violations
from batuta.flows.defaults import PluginDefault
from batuta.flows.document import Document, Mark, Unreadable
from batuta.flows.findings import Findings, Violation
from batuta.flows.reader import ReadLimits, load
from batuta.flows.section import Section, illegal, shown
from batuta.model.flow import Concurrency, ConcurrencyBehavior, Flow, FlowKey
from batuta.model.task import Task

ID = r"[a-zA-Z0-9][a-zA-Z0-9._-]*"
NAMESPACE = r"[a-z0-9][a-z0-9._-]*"
_MOST_ID = 100
_MOST_NAMESPACE = 150
PROPERTIES = frozenset(
    {
        "id",
        "namespace",
        "description",
        "revision",
        "labels",
        "inputs",
        "outputs",
        "variables",
        "tasks",
        "errors",
        "finally",
        "afterExecution",
        "triggers",
        "pluginDefaults",
        "concurrency",
        "quotas",
        "retry",
        "sla",
        "checks",
        "disabled",
        "deleted",
        "updated",
        "workerSelector",
        "workerGroup",
        "policyRefs",
        "listeners",
        "tenantId",
        "source",
    }
)
_OWNER = "io.kestra.core.models.flows.Flow"


class InvalidFlow(FlowError):
    """A flow document cannot be run. Attributes: `violations`, all that is wrong with it."""

    code = "flow.invalid"

    def __init__(self, found: Sequence[Violation]) -> None:
        self.violations = tuple(found)
        first = self.violations[0]
        more = f", and {len(self.violations) - 1} more" if len(self.violations) > 1 else ""
        where = f"{first.path or 'the flow'} (line {first.line}, column {first.column}){more}"
        super().__init__(first.message, where=where, mend=first.hint)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading a document."""

    source: str
    flow: Flow | None = None
    """None when there are violations."""
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()
    deprecated: tuple[Violation, ...] = ()
    """Old spellings, each with its place and the present one."""
    infos: tuple[str, ...] = ()
    flow_id: str | None = None
    namespace: str | None = None
    written_revision: int | None = None
    """The `revision:` of the document, by which a client tells which one it has edited."""

    @property
    def deprecations(self) -> tuple[str, ...]:
        """The paths of old spellings: `tasks[2].runIf`."""
        return tuple(each.index_path for each in self.deprecated)

    @property
    def constraints(self) -> str | None:
        """All violations in one line, as validation answers have them; None when there are none.

        There the reference names a task by its position and an input by its id, and so do we.
        """
        return ", ".join(each.as_constraint() for each in self.violations) or None


def read(
    source: str,
    *,
    revision: int = 1,
    defaults: Sequence[PluginDefault] = (),
    limits: ReadLimits | None = None,
) -> Reading:
    """Read one flow. Never raises for a mistake of its author.

    Args:
        source: the YAML text.
        revision: the revision that the flow gets.
        defaults: plugin defaults of the server, after those of the flow in importance; most important first.
        limits: what the document may cost.
    """
    try:
        document = load(source, limits or ReadLimits())
    except Unreadable as error:
        found = Findings(Document(source))
        found.wrong_at(error.mark, illegal(error.message), hint=error.hint)
        return Reading(source=source, violations=tuple(found.violations))
    found = Findings(document)
    _check_text(found)
    if not isinstance(document.data, dict):
        what = (
            "the document is empty"
            if document.data is None
            else f"a flow is a map, but this is {shown(document.data)}"
        )
        found.wrong_at(
            document.value_at(()), illegal(what), hint="a flow begins with `id:`, `namespace:` and `tasks:`"
        )
        return Reading(source=source, violations=tuple(found.violations))
    flow = _flow(found, revision, defaults)
    section = Section(Findings(document), (), document.data)
    return Reading(
        source=source,
        flow=None if found.violations else flow,
        violations=_in_order(found.violations),
        warnings=_in_order(found.warnings),
        deprecated=_in_order(found.deprecated),
        infos=tuple(found.infos),
        flow_id=section.text("id"),
        namespace=section.text("namespace"),
        written_revision=section.integer("revision"),
    )


def _in_order(found: list[Violation]) -> tuple[Violation, ...]:
    """As they stand in the text, from top to bottom."""
    return tuple(sorted(found, key=lambda each: (each.line, each.column)))


def parse(
    source: str,
    *,
    revision: int = 1,
    defaults: Sequence[PluginDefault] = (),
    limits: ReadLimits | None = None,
) -> Flow:
    """The flow of a source text; of the last ones the flow is remembered.

    Raises:
        InvalidFlow: something is wrong with it.
    """
    if defaults or limits is not None:
        return _parsed(read(source, revision=revision, defaults=defaults, limits=limits))
    return _remembered(source, revision)


def named(source: str) -> FlowKey | None:
    """The flow that a text is about, whatever else is wrong with it; None when it does not say so."""
    try:
        data = load(source, ReadLimits()).data
    except Unreadable:
        return None
    namespace, id = (data.get("namespace"), data.get("id")) if isinstance(data, dict) else (None, None)
    if not isinstance(namespace, str) or not isinstance(id, str):
        return None
    is_short = len(id) <= _MOST_ID and len(namespace) <= _MOST_NAMESPACE
    good = is_short and re.fullmatch(NAMESPACE, namespace) and re.fullmatch(ID, id)
    return FlowKey(namespace, id) if good else None


@lru_cache(maxsize=5_000)
def _remembered(source: str, revision: int) -> Flow:
    return _parsed(read(source, revision=revision))


def _parsed(reading: Reading) -> Flow:
    if reading.flow is None:
        raise InvalidFlow(reading.violations)
    return reading.flow


def _check_text(found: Findings) -> None:
    document = found.document
    for each in document.repeated:
        hint = f"the first one is on line {each.first.line}; remove one of them"
        found.wrong_at(
            each.mark, illegal(f"Duplicate field '{each.path[-1]}'"), hint=hint, code="flow.duplicate-key"
        )
    if document.more is not None:
        mark = Mark(document.more.line, document.more.column, 3)
        found.wrong_at(mark, illegal("a second document begins here"), hint="send one flow per document")


def _flow(found: Findings, revision: int, server_defaults: Sequence[PluginDefault]) -> Flow:
    document: dict[str, Any] = _copy(found.document.data)
    data = found.document.data
    renames.apply(found)
    section = Section(found, (), data)
    defaults.merge(found, [*defaults.declared(section), *server_defaults])
    section.refuse_unknown(PROPERTIES, _OWNER)
    if "tasks" not in data or data["tasks"] is None or data["tasks"] == []:
        section.wrong("tasks", "must not be empty", hint="list at least one task below `tasks:`")
    _check_other_parts(section)
    flow = Flow(
        id=section.text("id", required=True, pattern=ID, least=1, most=_MOST_ID) or "",
        namespace=section.text("namespace", required=True, pattern=NAMESPACE, least=1, most=_MOST_NAMESPACE)
        or "",
        revision=revision,
        description=section.text("description"),
        labels=labels.labels(section),
        inputs=declarations.inputs(section, "inputs"),
        outputs=declarations.outputs(section),
        variables=section.mapping("variables"),
        tasks=tasks.tasks(section, "tasks"),
        errors=tasks.tasks(section, "errors"),
        finally_=tasks.tasks(section, "finally"),
        after_execution=(*tasks.tasks(section, "afterExecution"), *_listeners(section)),
        triggers=triggers.triggers(section),
        concurrency=_concurrency(section),
        retry=tasks.retry(section),
        disabled=section.flag("disabled"),
        document=document,
    )
    violations.collect(found, flow)
    return flow


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _concurrency(section: Section) -> Concurrency | None:
    below = section.section("concurrency")
    if below is None:
        return None
    below.refuse_unknown({"limit", "behavior"}, "io.kestra.core.models.flows.Concurrency")
    if not below.has("limit"):
        below.wrong("limit", "must not be null", hint="add `limit: 1`, or another number")
    limit = below.integer("limit", above=0)
    behavior = below.choice("behavior", ConcurrencyBehavior) or ConcurrencyBehavior.QUEUE
    return Concurrency(limit, behavior) if limit is not None else None


# Parts without a struct of their own: checked here, kept in `Flow.document`.


class _SlaKind(StrEnum):
    MAX_DURATION = "MAX_DURATION"
    EXECUTION_ASSERTION = "EXECUTION_ASSERTION"


class _SlaBehavior(StrEnum):
    FAIL = "FAIL"
    CANCEL = "CANCEL"
    NONE = "NONE"


class _CheckStyle(StrEnum):
    ERROR = "ERROR"
    SUCCESS = "SUCCESS"
    WARNING = "WARNING"
    INFO = "INFO"


class _CheckBehavior(StrEnum):
    BLOCK_EXECUTION = "BLOCK_EXECUTION"
    FAIL_EXECUTION = "FAIL_EXECUTION"
    CREATE_EXECUTION = "CREATE_EXECUTION"


class _QuotaBehavior(StrEnum):
    CANCEL = "CANCEL"
    FAIL = "FAIL"


def _check_other_parts(section: Section) -> None:
    section.integer("revision", least=1)
    section.flag("deleted")
    section.section("workerGroup")
    section.section("workerSelector")
    section.texts("policyRefs")
    for each in section.sections("sla"):
        _check_sla(each)
    for each in section.sections("checks"):
        each.refuse_unknown(
            {"when", "message", "style", "behavior"}, "io.kestra.core.models.flows.check.Check"
        )
        each.text("when", required=True)
        each.text("message", required=True)
        each.choice("style", _CheckStyle)
        each.choice("behavior", _CheckBehavior)
    _check_quotas(section)


def _check_sla(each: Section) -> None:
    each.text("id", required=True)
    kind = each.choice("type", _SlaKind, required=True)
    each.choice("behavior", _SlaBehavior, required=True)
    labels.labels(each, system_allowed=frozenset())
    own = {"duration"} if kind is _SlaKind.MAX_DURATION else {"assert"}
    if kind is None:
        return
    each.refuse_unknown(
        {"id", "type", "behavior", "labels", *own}, "io.kestra.core.models.flows.sla.types.SLA"
    )
    if kind is _SlaKind.MAX_DURATION:
        each.duration("duration", required=True)
    else:
        each.text("assert", required=True)


def _check_quotas(section: Section) -> None:
    seen = set()
    for each in section.sections("quotas"):
        each.refuse_unknown({"duration", "limit", "behavior"}, "io.kestra.core.models.flows.Quota")
        each.duration("duration", required=True)
        length = each.timedelta("duration")
        if length is not None and length.total_seconds() < 60:
            each.wrong("duration", "must be greater than or equal to PT1M")
        if length is not None and length in seen:
            each.wrong("duration", "each quota must have a duration of its own")
        seen.add(length)
        if not each.has("limit"):
            each.wrong("limit", "must not be null")
        each.integer("limit", least=1)
        each.choice("behavior", _QuotaBehavior, required=True)


def _listeners(section: Section) -> tuple[Task, ...]:
    """Tasks of the old `listeners`, each with the conditions under which it follows on the end."""
    found: list[Task] = []
    for each in section.sections("listeners"):
        each.refuse_unknown(
            {"description", "conditions", "tasks"}, "io.kestra.core.models.listeners.Listener"
        )
        each.text("description")
        triggers.check_conditions(each, "conditions")
        conditions = tuple(condition.data for condition in each.sections("conditions"))
        found.extend(replace(task, conditions=conditions) for task in tasks.tasks(each, "tasks"))
        if not each.has("tasks"):
            each.wrong("tasks", "must not be empty", hint="list what follows on the end of an execution")
    if found:
        section.found.old(section.at("listeners"), "`listeners` are replaced by `afterExecution`")
    return tuple(found)
