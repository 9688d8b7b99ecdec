"""New revisions of flows: read, checked, numbered, committed (flow spec §1, §17; API spec §7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from batuta import flows
from batuta.bus.port import FlowSaved
from batuta.errors import AlreadyExists, Conflict, NotFound
from batuta.model.flow import Flow, FlowKey, FlowRevision
from batuta.store.batch import Batch
from batuta.web.access import Action
from batuta.web.rejections import Invalid, Part
from batuta.web.site import Site, Stored

TRIES = 5
"""How often a save is tried again that lost a race for its number."""


class Change(msgspec.Struct, frozen=True):
    """A text that shall become the next revision of a flow, if it differs from the present one."""

    key: FlowKey
    source: str
    flow: Flow
    draft: bool = False


def read(source: str, *, draft: bool = False) -> Change:
    """A text as the flow it declares; of a draft only the name has to be right.

    Raises:
        Invalid: it is wrong; with every violation.
    """
    text = flows.strip_revision(source)
    reading = flows.read(text)
    if reading.flow is not None:
        return Change(reading.flow.key, text, reading.flow, draft)
    key = flows.named(text) if draft else None
    if key is None:
        raise Invalid(parts_of(reading.violations))
    return Change(key, text, Flow(id=key.id, namespace=key.namespace), draft)


def parts_of(violations: Sequence[flows.Violation]) -> list[Part]:
    """Violations of a document as parts of a rejection."""
    return [
        Part(
            message=found.message,
            path=found.path,
            pointer=found.pointer or None,
            hint=found.hint,
            line=found.line,
            column=found.column,
        )
        for found in violations
    ]


async def create(site: Site, source: str, *, draft: bool = False) -> Stored:
    """Store the first revision of a flow, or the next one of a flow that was deleted."""
    change = read(source, draft=draft)
    site.guard.must(Action.CREATE, change.key.namespace)
    for _ in range(TRIES):
        present = await site.ports.store.flows.latest(change.key)
        if present is not None and not present.deleted:
            raise Invalid([Part(message="Flow id already exists", path="flow.id", pointer="/id")])
        try:
            return await _store(site, change, present)
        except AlreadyExists:
            continue
    raise Conflict(f"the flow {change.key} is being changed by others; try again")


async def update(site: Site, key: FlowKey, source: str, *, draft: bool = False) -> Stored:
    """Store the next revision of a flow; the same text again changes nothing."""
    await site.need_latest(key)
    change = read(source, draft=draft)
    wrong = []
    if change.key.id != key.id:
        wrong.append(Part(message="Illegal flow id update", path="flow.id", pointer="/id"))
    if change.key.namespace != key.namespace:
        wrong.append(Part(message="Illegal namespace update", path="flow.namespace", pointer="/namespace"))
    if wrong:
        raise Invalid(wrong)
    return await put(site, change)


async def put(site: Site, change: Change) -> Stored:
    """Store a change, whether the flow exists or not."""
    site.guard.must(Action.UPDATE, change.key.namespace)
    for _ in range(TRIES):
        present = await site.ports.store.flows.latest(change.key)
        if present is not None and not present.deleted and _is_same(present, change):
            # Triggers whose state was deleted begin anew.
            await site.ports.bus.publish(FlowSaved(namespace=present.namespace, flow_id=present.id))
            return site.parsed(present)
        try:
            return await _store(site, change, present)
        except AlreadyExists:
            continue
    raise Conflict(f"the flow {change.key} is being changed by others; try again")


def _is_same(present: FlowRevision, change: Change) -> bool:
    return (present.source, present.draft) == (change.source, change.draft)


async def delete(site: Site, key: FlowKey) -> None:
    """Store the revision that says the flow is gone."""
    site.guard.must(Action.DELETE, key.namespace)
    for _ in range(TRIES):
        present = await site.ports.store.flows.latest(key)
        if present is None or present.deleted:
            raise NotFound(f"there is no flow `{key.id}` in the namespace `{key.namespace}`")
        gone = msgspec.structs.replace(
            present, revision=present.revision + 1, deleted=True, created_at=site.now()
        )
        try:
            await _commit(site, gone)
        except AlreadyExists:
            continue
        return
    raise Conflict(f"the flow {key} is being changed by others; try again")


async def _store(site: Site, change: Change, present: FlowRevision | None) -> Stored:
    revision = FlowRevision(
        namespace=change.key.namespace,
        id=change.key.id,
        revision=1 if present is None else present.revision + 1,
        source=change.source,
        created_at=site.now(),
        disabled=change.flow.disabled,
        draft=change.draft,
        description=change.flow.description,
        labels=change.flow.labels,
    )
    await _commit(site, revision)
    return site.parsed(revision)


async def _commit(site: Site, revision: FlowRevision) -> None:
    await site.ports.store.commit(Batch(flows=[revision]))
    await site.ports.bus.publish(FlowSaved(namespace=revision.namespace, flow_id=revision.id))


def from_json(document: dict[str, Any]) -> str:
    """The YAML text of a flow that was sent as JSON."""
    kept = {
        name: value
        for name, value in document.items()
        if name not in ("source", "revision", "deleted", "draft", "updated")
    }
    return as_yaml(kept)


def as_yaml(document: dict[str, Any]) -> str:
    """A part of a flow as text, in the order in which it was sent."""
    import yaml

    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def moved(source: str, namespace: str) -> str:
    """The text of a flow with another namespace."""
    return re.sub(r"(?m)^namespace:.*$", lambda _: f"namespace: {namespace}", source, count=1)
