"""Flows: create, read, change, delete, search, validate (API spec §7)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta import flows
from batuta.errors import InvalidRequest, NotFound
from batuta.model.flow import FlowKey
from batuta.store.port import AllOf, Condition, Criteria, Order, Search
from batuta.web import filters, forms, query, saving
from batuta.web.access import Action
from batuta.web.offering import offers
from batuta.web.rejections import UnsupportedMediaType
from batuta.web.routes import delete, get, nothing, patch, post, put
from batuta.web.shapes import flow as shape
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

_YAML = frozenset(
    {"", "application/x-yaml", "application/yaml", "text/yaml", "text/x-yaml", "application/octet-stream"}
)
MOST_SOURCE_BYTES = 32 * 1024 * 1024


async def source_of(request: Request[Any, Any, Any]) -> str:
    """The YAML of a body; a flow that was sent as JSON becomes YAML."""
    kind = forms.media_type(request)
    if kind == "application/json":
        return saving.from_json(await forms.json(request, dict[str, Any]))
    if kind not in _YAML:
        raise UnsupportedMediaType(
            f"a flow cannot be sent as `{kind}`", where="Content-Type", mend="send it as application/x-yaml"
        )
    return await forms.text(request, MOST_SOURCE_BYTES)


@post("/flows")
async def create(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Store a new flow."""
    draft = query.of(request).flag("draft")
    return shape.with_source(await saving.create(site, await source_of(request), draft=draft))


@put("/flows/{namespace:str}/{flow_id:str}")
async def update(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """Store the next revision of a flow."""
    key, draft = FlowKey(namespace, flow_id), query.of(request).flag("draft")
    return shape.with_source(await saving.update(site, key, await source_of(request), draft=draft))


@get("/flows/{namespace:str}/{flow_id:str}")
async def read(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Json:
    """One flow: the newest revision, or the one asked for."""
    asked = query.of(request)
    key = FlowKey(namespace, flow_id)
    site.guard.must(Action.READ, namespace)
    latest = await site.need_latest(key, deleted=asked.flag("allowDeleted"))
    number = asked.number("revision", least=1)
    found = latest if number is None else await site.need_revision(key, number)
    return shape.with_source(site.parsed(found)) if asked.flag("source") else shape.flow(site.parsed(found))


@delete("/flows/{namespace:str}/{flow_id:str}", status_code=204)
async def remove(namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite) -> None:
    """Delete a flow; its revisions stay readable."""
    await saving.delete(site, FlowKey(namespace, flow_id))


@get("/flows/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Flows that fit."""
    asked = query.of(request)
    page = query.paging(asked)
    found = await site.ports.store.flows.search(
        Search(
            criteria=filters.criteria(asked, filters.FLOWS, site.now()),
            order=page.order or (Order("id"),),
            offset=page.offset,
            limit=page.limit,
        )
    )
    return {"results": [shape.flow(site.parsed(each)) for each in found.results], "total": found.total}


@get("/flows/{namespace:str}")
async def of_namespace(namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Every flow of exactly this namespace."""
    found = await all_of(site, Condition("namespace", "EQUALS", namespace))
    return [shape.flow(site.parsed(each)) for each in found]


async def all_of(site: Site, criteria: Criteria) -> list[Any]:
    """Every flow that fits, by id."""
    found: list[Any] = []
    while True:
        page = await site.ports.store.flows.search(
            Search(criteria=criteria, order=(Order("namespace"), Order("id")), offset=len(found), limit=1000)
        )
        found += page.results
        if not page.results or len(found) >= page.total:
            return found


@get("/flows/distinct-namespaces")
async def namespaces(request: Request[Any, Any, Any], site: GivenSite) -> list[str]:
    """Namespaces that hold flows."""
    part = (query.of(request).text("q") or "").lower()
    return [name for name in await site.ports.store.flows.namespaces() if part in name.lower()]


@get("/flows/{namespace:str}/{flow_id:str}/revisions")
async def revisions(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> list[Json]:
    """Every revision, oldest first; with `allowDelete` also those that say the flow was deleted."""
    key = FlowKey(namespace, flow_id)
    with_deletions = query.of(request).flag("allowDelete")
    await site.need_latest(key, deleted=with_deletions)
    found = await site.ports.store.flows.revisions(key)
    return [shape.with_source(site.parsed(each)) for each in found if with_deletions or not each.deleted]


@delete("/flows/{namespace:str}/{flow_id:str}/revisions")
async def remove_revisions(
    request: Request[Any, Any, Any], namespace: FromPath[str], flow_id: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Remove old revisions for good."""
    key = FlowKey(namespace, flow_id)
    latest = await site.need_latest(key, deleted=True)
    asked = query.of(request)
    numbers = []
    for text in asked.joined("revisions"):
        if not text.isdigit():
            raise query.BadQuery(f"`revisions` must be numbers, not `{text}`", where="revisions")
        numbers.append(int(text))
    if not numbers:
        raise query.BadQuery("the query parameter `revisions` is missing", where="revisions")
    if latest.revision in numbers:
        raise InvalidRequest(
            f"revision {latest.revision} is the newest one and cannot be removed", where="revisions"
        )
    site.guard.must(Action.DELETE, namespace)
    await site.ports.store.flows.remove(key, numbers)
    return nothing()


@get("/flows/{namespace:str}/{flow_id:str}/tasks/{task_id:str}")
async def task(
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    task_id: FromPath[str],
    site: GivenSite,
) -> Json:
    """One task of a flow as it was written."""
    key = FlowKey(namespace, flow_id)
    number = query.of(request).number("revision", least=1)
    found = await site.need_latest(key) if number is None else await site.need_revision(key, number)
    written = shape.find_task(site.parsed(found), task_id)
    if written is None:
        raise NotFound(f"the flow {key} has no task `{task_id}`")
    document: Json = written
    return document


@patch("/flows/{namespace:str}/{flow_id:str}/{task_id:str}")
async def change_task(
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    flow_id: FromPath[str],
    task_id: FromPath[str],
    site: GivenSite,
) -> Json:
    """Replace one task in the source of a flow; everything else in it stays as it is written."""
    document = await forms.json(request, dict[str, Any])
    if document.get("id", task_id) != task_id:
        raise InvalidRequest(f"the task `{task_id}` cannot get another id", where="id")
    present = await site.need_latest(FlowKey(namespace, flow_id))
    if shape.find_task(site.parsed(present), task_id) is None:
        raise NotFound(f"the flow {present.key} has no task `{task_id}`")
    text = saving.as_yaml({"id": task_id, **document})
    source = flows.replace_task(present.source, task_id, text)
    if source is None:
        raise InvalidRequest(
            f"the task `{task_id}` is not written as a block of its own", mend="send the whole flow"
        )
    return shape.flow(await saving.update(site, present.key, source))


@post("/flows/validate")
async def validate(request: Request[Any, Any, Any], site: GivenSite) -> list[Json]:
    """Say what is wrong with documents; never stores anything."""
    if forms.media_type(request) == "multipart/form-data":
        return await _validate_files(request, site)
    documents = flows.split_documents(await source_of(request)) or [""]
    return [await _validated(site, index, document) for index, document in enumerate(documents)]


async def _validate_files(request: Request[Any, Any, Any], site: Site) -> list[Json]:
    results: list[Json] = []
    with await forms.form(request) as form:
        for upload in form.files:
            documents = flows.split_documents(forms.decoded(upload.read(MOST_SOURCE_BYTES))) or [""]
            for document in documents:
                results.append(await _validated(site, len(results), document, upload.filename))
    return results


async def _validated(site: Site, index: int, source: str, filename: str | None = None) -> Json:
    reading = flows.read(source)
    outdated = False
    if reading.written_revision is not None and reading.flow_id and reading.namespace:
        present = await site.ports.store.flows.latest(FlowKey(reading.namespace, reading.flow_id))
        outdated = reading.written_revision != (0 if present is None else present.revision) + 1
    return shape.validation(index, reading, outdated=outdated, filename=filename)


@post("/flows/validate/task")
async def validate_task(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Say what is wrong with one task or trigger."""
    section = (query.of(request).text("section") or "TASKS").upper()
    if section not in ("TASKS", "TRIGGERS"):
        raise query.BadQuery(f"`section` cannot be `{section}`", where="section", mend="TASKS or TRIGGERS")
    return _validated_part(section, await source_of(request))


@post("/flows/validate/trigger")
async def validate_trigger(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Say what is wrong with one trigger."""
    return _validated_part("TRIGGERS", await source_of(request))


def _validated_part(section: str, source: str) -> Json:
    """The part stands in a flow of its own, and violations are told as seen from the part."""
    indented = "\n".join(f"    {line}" for line in source.splitlines())
    lone = "tasks:\n  -\n" + indented
    if section == "TRIGGERS":
        task = "  - id: validated\n    type: io.kestra.plugin.core.log.Log\n    message: none\n"
        lone = f"tasks:\n{task}triggers:\n  -\n{indented}"
    reading = flows.read(f"id: validation\nnamespace: validation\n{lone}\n")
    found = ", ".join(
        f"{path}: {each.message}" if (path := _inner(each.path)) else each.message
        for each in reading.violations
    )
    return {"index": 0, **({"constraints": found} if found else {}), "outdated": False}


def _inner(path: str) -> str:
    return path.partition("]")[2].lstrip(".") if path.startswith(("tasks[", "triggers[")) else path


@post("/flows/expressions")
async def expressions(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """What expressions of a flow, or of one of its tasks, may name."""
    task_id = query.of(request).text("taskId")
    return {"categories": msgspec.to_builtins(await offers(site, await source_of(request), task_id))}


@get("/flows/deprecated")
async def deprecated(request: Request[Any, Any, Any], site: GivenSite) -> list[Json]:
    """Flows that use task types under an old name."""
    namespace = query.of(request).text("namespace")
    criteria = AllOf() if namespace is None else Condition("namespace", "PREFIX", namespace)
    answer = []
    for revision in await all_of(site, criteria):
        stored = site.parsed(revision)
        old = (
            []
            if stored.flow is None
            else [each for each in stored.flow.walk() if each.type != each.written_type]
        )
        if old:
            answer.append(
                {
                    "namespace": revision.namespace,
                    "flowId": revision.id,
                    "revision": revision.revision,
                    "deprecatedTasks": [
                        {"taskId": each.id, "taskType": each.written_type, "replacement": each.type}
                        for each in old
                    ],
                }
            )
    return answer


ROUTES = [
    create,
    update,
    read,
    remove,
    search,
    of_namespace,
    namespaces,
    revisions,
    remove_revisions,
    task,
    change_task,
    validate,
    validate_task,
    validate_trigger,
    deprecated,
    expressions,
]
