"""Starting an execution: a form typed by a flow's inputs, files stored, one row and one event committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from batuta import flows, ids
from batuta.engine import checks
from batuta.engine.events import ExecutionCreated
from batuta.engine.lifecycle import new_execution
from batuta.engine.rules import Check, CheckBehavior
from batuta.engine.sealing import closed
from batuta.errors import Conflict, InvalidRequest, NotFound
from batuta.model.execution import Breakpoint, Execution, ExecutionKind
from batuta.model.flow import Flow, FlowKey
from batuta.model.inputs import Input, InputType
from batuta.model.labels import CORRELATION_ID, FROM, SYSTEM_PREFIX, Label, Labels, value_of
from batuta.storage import uris
from batuta.store.batch import Batch
from batuta.web import waiting
from batuta.web.access import Action
from batuta.web.filters import label_text
from batuta.web.forms import Form, Upload
from batuta.web.query import Query
from batuta.web.rejections import Invalid, Part
from batuta.web.site import Site, Stored

_CALLER_MAY_SET = frozenset({CORRELATION_ID, FROM})
_UPLOADS = "files"
"""Name of a part whose file name is the id of its input."""


class Order(msgspec.Struct, frozen=True):
    """How an execution shall be started."""

    labels: Labels
    wait: bool
    revision: int | None
    schedule_at: datetime | None
    kind: ExecutionKind
    breakpoints: tuple[Breakpoint, ...] = ()


def order_of(query: Query) -> Order:
    """The query string of a creation."""
    return Order(
        labels=labels_of(query.all("labels")),
        wait=query.flag("wait"),
        revision=query.number("revision"),
        schedule_at=query.instant("scheduleDate"),
        kind=query.choice("kind", ExecutionKind) or ExecutionKind.NORMAL,
        breakpoints=breakpoints_of(query) or (),
    )


def breakpoints_of(query: Query) -> tuple[Breakpoint, ...] | None:
    """`task` or `task.value`, several with commas between or as several parameters; None when there are
    none."""
    if not query.all("breakpoints"):
        return None
    texts = (part.strip() for text in query.all("breakpoints") for part in text.split(","))
    return tuple(Breakpoint(*text.split(".", 1)) for text in texts if text)


def labels_of(texts: Sequence[str]) -> Labels:
    """`key:value` texts as labels that a caller may set."""
    labels = tuple(Label(*label_text(text)) for text in texts)
    for label in labels:
        if label.key.startswith(SYSTEM_PREFIX) and label.key not in _CALLER_MAY_SET:
            raise system_label(label)
    return labels


def system_label(label: Label) -> InvalidRequest:
    """A caller wants to set what the program sets itself."""
    return InvalidRequest(
        f"System labels can only be set by Kestra itself, offending label: {label.key}={label.value}",
        where="labels",
        mend=f"use a key that does not begin with `{SYSTEM_PREFIX}`",
    )


async def startable(site: Site, key: FlowKey, revision: int | None) -> Flow:
    """The flow to start, if it can be started at all."""
    latest = await site.ports.store.flows.latest(key)
    if latest is None or latest.deleted:
        raise NotFound(f"Requested Flow is not found: {key}")
    stored = site.parsed(latest)
    if revision is not None and revision != latest.revision:
        stored = site.parsed(await site.need_revision(key, revision))
    return _sound(stored)


def _sound(stored: Stored) -> Flow:
    if stored.revision.deleted:
        raise NotFound(f"Requested Flow is not found: {stored.revision.key}")
    if stored.flow is None:
        raise Conflict(f"Requested Flow is not valid: {stored.problem}", mend="mend the flow and save it")
    if stored.flow.disabled:
        raise Conflict("Requested Flow is disabled.", mend="enable the flow first")
    return stored.flow


async def start(site: Site, flow: Flow, order: Order, form: Form) -> Execution:
    """Create an execution; it is durable when this returns. With `order.wait` it is also over."""
    site.guard.must(Action.CREATE, flow.namespace)
    execution_id = ids.random_id()
    given, uploads = sorted_out(flow.inputs, form)
    labels = order.labels
    if not any(declared.id == "labels" for declared in flow.inputs):
        labels += labels_of([text for name, text in form.fields if name == "labels"])
    given |= planned(flow, flow.inputs, uploads, execution_id)
    resolution = await resolve(site, flow, flow.inputs, given)
    if resolution.violations:
        raise Invalid([Part(message=each.message, path=each.path) for each in resolution.violations])
    execution = new_execution(
        flow,
        id=execution_id,
        inputs=dict(resolution.values),
        labels=labels if value_of(labels, FROM) is not None else (*labels, Label(FROM, "api")),
        now=site.now(),
        schedule_at=order.schedule_at,
        kind=order.kind,
        breakpoints=order.breakpoints,
    )
    failed = await failed_checks(site, flow, execution.inputs)
    match checks.verdict(failed):
        case CheckBehavior.BLOCK_EXECUTION:
            raise checks.refusal(failed)
        case CheckBehavior.FAIL_EXECUTION:
            execution = checks.failed_at_birth(execution, site.now())
    execution = closed(execution, resolution.secrets, site.ports.cipher.encrypt)
    for input_id, upload in uploads.items():
        await site.ports.storage.put(given[input_id], upload.source())
    created = ExecutionCreated(execution_id=execution_id)
    batch = Batch(executions={execution_id: execution})
    if not order.wait:
        await site.ports.inbox.accept(created, batch=batch)
        return execution
    async with site.watches.on(execution_id) as watch:
        await site.ports.inbox.accept(created, batch=batch)
        return await waiting.until(site, watch, execution_id, lambda now: now.settled, waiting.FINISH_SECONDS)


async def failed_checks(site: Site, flow: Flow, inputs: Mapping[str, Any]) -> list[Check]:
    """The checks of a flow that do not hold for inputs."""
    if not flow.document.get("checks"):
        return []
    found: list[Check] = await site.with_facts(
        lambda facts: checks.failed_checks(flow, inputs, now=site.now(), world=site.world, facts=facts),
        namespace=flow.namespace,
    )
    return found


async def resolve(site: Site, flow: Flow, inputs: Sequence[Input], given: Mapping[str, Any]) -> Any:
    """The values of inputs, with outside values fetched where a default asks for them."""
    names = {
        "flow": {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision},
        "namespace": {"id": flow.namespace},
        "vars": flow.variables,
    }
    if not inputs:
        return _NOTHING
    return await site.with_facts(
        lambda facts: flows.resolve(inputs, given, names, facts, encrypt=site.ports.cipher.encrypt),
        namespace=flow.namespace,
    )


class _Nothing(msgspec.Struct, frozen=True):
    values: dict[str, Any] = {}
    violations: tuple[Any, ...] = ()
    inputs: tuple[Any, ...] = ()
    secrets: tuple[str, ...] = ()


_NOTHING = _Nothing()


def sorted_out(inputs: Sequence[Input], form: Form) -> tuple[dict[str, Any], dict[str, Upload]]:
    """Values and files of a form by input; a text that comes more than once is a list.

    A file belongs to the input that its part is named after. In a part called `files` it belongs to the
    one that the file is named after, as the reference's own clients send it. A file may be empty; one that
    is empty and has no name is a field of a form in which nothing was chosen.
    """
    kinds = {declared.id: declared.type for declared in inputs}
    given: dict[str, Any] = {}
    for name, value in form.fields:
        if name not in given:
            given[name] = value
        elif isinstance(given[name], list):
            given[name].append(value)
        else:
            given[name] = [given[name], value]
    uploads: dict[str, Upload] = {}
    for upload in form.files:
        name = upload.filename if upload.name == _UPLOADS and _UPLOADS not in kinds else upload.name
        if kinds.get(name) is InputType.FILE:
            if upload.size or upload.filename:
                uploads[name] = upload
        elif name in kinds:
            given[name] = upload.read().decode("utf-8", "replace")
    return given, uploads


def planned(
    flow: Flow, inputs: Sequence[Input], uploads: Mapping[str, Upload], execution_id: str
) -> dict[str, Any]:
    """Where each file will be stored."""
    extensions = {declared.id: declared.extension for declared in inputs}
    places = {}
    for input_id, upload in uploads.items():
        name = uris.file_name(upload.filename or input_id)
        extension = extensions.get(input_id)
        if extension and not name.endswith(extension):
            name += extension
        places[input_id] = uris.input_file(flow.namespace, flow.id, execution_id, input_id, name)
    return places


def declared(documents: Sequence[Any]) -> tuple[Input, ...]:
    """Inputs from their documents, as a Pause holds them."""
    if not documents:
        return ()
    document = {
        "id": "resume",
        "namespace": "system",
        "inputs": list(documents),
        "tasks": [{"id": "none", "type": "io.kestra.plugin.core.debug.Return"}],
    }
    reading = flows.read(msgspec.json.encode(document).decode())
    if reading.flow is None:
        raise Conflict(f"the inputs asked for at the pause are wrong: {reading.constraints}")
    return reading.flow.inputs
