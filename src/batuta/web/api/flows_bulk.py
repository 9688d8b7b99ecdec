"""Many flows at once: synchronise a namespace, import, export, enable, disable, delete (API spec §7)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import FromPath

from batuta import flows
from batuta.errors import BatutaError, NotFound
from batuta.model.flow import FlowKey, FlowRevision
from batuta.store.port import AllOf, Condition, Criteria
from batuta.web import filters, forms, query, saving
from batuta.web.api.flows import all_of, source_of
from batuta.web.downloads import attachment
from batuta.web.rejections import Invalid, Part
from batuta.web.routes import delete, get, post
from batuta.web.shapes import flow as shape
from batuta.web.site import GivenSite, Site
from batuta.web.tables import table

Json = dict[str, Any]
MOST_FILES = 10_000
_ZIP = b"PK\x03\x04"


@post("/flows/bulk")
async def bulk(request: Request[Any, Any, Any], site: GivenSite) -> list[Json]:
    """Make the flows of a scope those of the body."""
    asked = query.of(request)
    changes = _changes(await source_of(request))
    if asked.text("namespace") is None:
        scope: Criteria = AllOf()
    else:
        operation = "PREFIX" if asked.flag("allowNamespaceChild") else "EQUALS"
        scope = Condition("namespace", operation, asked.need("namespace"))
    return await _synchronise(site, changes, scope, with_deletion=asked.flag("delete", default=True))


@post("/flows/{namespace:str}")
async def of_namespace(
    request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite
) -> list[Json]:
    """Make the flows of a namespace those of the body."""
    asked = query.of(request)
    source = await source_of(request)
    override = asked.flag("override")
    changes = _changes(source, (lambda text: saving.moved(text, namespace)) if override else None)
    foreign = [change.key for change in changes if change.key.namespace != namespace]
    if foreign:
        raise Invalid(
            [
                Part(
                    message=f"the flow is of the namespace `{key.namespace}`, not `{namespace}`",
                    path=f"{key}.namespace",
                )
                for key in foreign
            ]
        )
    scope = Condition("namespace", "EQUALS", namespace)
    return await _synchronise(site, changes, scope, with_deletion=asked.flag("delete", default=True))


def _changes(text: str, rewrite: Callable[[str], str] | None = None) -> list[saving.Change]:
    """The flows of a body; wrong if any of them is, or if two have one name."""
    wrong: list[Part] = []
    changes: dict[FlowKey, saving.Change] = {}
    for index, document in enumerate(flows.split_documents(text)):
        try:
            change = saving.read(rewrite(document) if rewrite else document)
        except Invalid as invalid:
            wrong += [
                msgspec.structs.replace(part, path=f"flows[{index}].{part.path}".rstrip("."))
                for part in invalid.parts
            ]
            continue
        if change.key in changes:
            wrong.append(Part(message="Duplicate flow id", path=f"flows[{index}].id"))
        changes[change.key] = change
    if wrong:
        raise Invalid(wrong)
    return list(changes.values())


async def _synchronise(
    site: Site, changes: Sequence[saving.Change], scope: Criteria, *, with_deletion: bool
) -> list[Json]:
    answer = [shape.with_source(await saving.put(site, change)) for change in changes]
    if with_deletion:
        kept = {change.key for change in changes}
        for revision in await all_of(site, scope):
            if revision.key not in kept:
                await saving.delete(site, revision.key)
                gone = await site.need_latest(revision.key, deleted=True)
                answer.append(shape.with_source(site.parsed(gone)))
    return answer


# Import and export


@post("/flows/import")
async def import_(request: Request[Any, Any, Any], site: GivenSite) -> list[str]:
    """Store the flows of a zip or YAML file; the answer names those that could not be stored."""
    fail = query.of(request).flag("failOnError")
    with await forms.form(request) as form:
        upload = next((each for each in form.files if each.name == "fileUpload"), None)
        if upload is None:
            raise forms.BadForm("the form lacks the file `fileUpload`")
        content = upload.read()
    failed: list[str] = []
    for name, source in _sources(content):
        try:
            await saving.put(site, saving.read(source))
        except BatutaError:
            if fail:
                raise
            failed.append(flows.read(source).flow_id or name)
    return failed


def _sources(content: bytes) -> list[tuple[str, str]]:
    """Name and text of each flow in a zip or YAML file."""
    if not content.startswith(_ZIP):
        return [
            (str(index), part) for index, part in enumerate(flows.split_documents(forms.decoded(content)))
        ]
    sources: list[tuple[str, str]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [
                entry for entry in archive.infolist() if entry.filename.lower().endswith((".yml", ".yaml"))
            ]
            if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > forms.MOST_TEXT_BYTES:
                raise forms.TooLarge("the archive unpacks to more than is read here")
            for entry in entries:
                text = forms.decoded(archive.read(entry))
                sources += [(entry.filename, part) for part in flows.split_documents(text)]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise forms.BadForm(f"the archive cannot be read: {error}") from None
    return sources


class FlowName(msgspec.Struct):
    """A flow in a body."""

    namespace: str
    id: str


async def _named(request: Request[Any, Any, Any], site: Site) -> list[FlowRevision]:
    names = await forms.json(request, list[FlowName])
    return [await site.need_latest(FlowKey(name.namespace, name.id)) for name in names]


async def _found(request: Request[Any, Any, Any], site: Site) -> list[FlowRevision]:
    return await all_of(site, filters.criteria_of_change(query.of(request), filters.FLOWS, site.now()))


@post("/flows/export/by-ids")
async def export_by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Response[bytes]:
    """The sources of some flows in a zip."""
    return _zip(await _named(request, site))


@get("/flows/export/by-query")
async def export_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Response[bytes]:
    """The sources of the flows that fit in a zip."""
    return _zip(await all_of(site, filters.criteria(query.of(request), filters.FLOWS, site.now())))


def _zip(revisions: Sequence[FlowRevision]) -> Response[bytes]:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for revision in revisions:
            archive.writestr(f"{revision.namespace}.{revision.id}.yml", revision.source)
    return Response(target.getvalue(), media_type="application/octet-stream", headers=attachment("flows.zip"))


@get("/flows/export/by-query/csv")
async def export_csv(request: Request[Any, Any, Any], site: GivenSite) -> Response[str]:
    """The flows that fit as a table."""
    revisions = await all_of(site, filters.criteria(query.of(request), filters.FLOWS, site.now()))
    rows = (
        (
            each.namespace,
            each.id,
            each.revision,
            each.disabled,
            each.description,
            ",".join(f"{label.key}:{label.value}" for label in each.labels),
        )
        for each in revisions
    )
    return table("flows.csv", ("namespace", "id", "revision", "disabled", "description", "labels"), rows)


# Enable, disable, delete


async def _switched(site: Site, revisions: Sequence[FlowRevision], *, disabled: bool) -> int:
    """Rewrite the `disabled` line where it differs; how many flows that changed."""
    count = 0
    for revision in revisions:
        if revision.disabled != disabled:
            await saving.put(site, saving.read(flows.set_disabled(revision.source, disabled)))
            count += 1
    return count


async def _deleted(site: Site, revisions: Sequence[FlowRevision]) -> int:
    count = 0
    for revision in revisions:
        try:
            await saving.delete(site, revision.key)
            count += 1
        except NotFound:  # deleted by somebody else in the meantime
            continue
    return count


def _acts(
    method: Any, path: str, act: Callable[[Site, Sequence[FlowRevision]], Awaitable[int]], title: str
) -> list[Any]:
    async def by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
        return {"count": await act(site, await _named(request, site))}

    async def by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
        return {"count": await act(site, await _found(request, site))}

    by_ids.__doc__ = f"{title} flows by their names."
    by_query.__doc__ = f"{title} every flow that fits."
    return [method(f"/flows/{path}/by-ids")(by_ids), method(f"/flows/{path}/by-query")(by_query)]


ROUTES = [
    bulk,
    of_namespace,
    import_,
    export_by_ids,
    export_by_query,
    export_csv,
    *_acts(post, "disable", lambda site, found: _switched(site, found, disabled=True), "Disable"),
    *_acts(post, "enable", lambda site, found: _switched(site, found, disabled=False), "Enable"),
    *_acts(delete, "delete", _deleted, "Delete"),
]
