"""Looking for a text in the sources of flows, and replacing it (API spec §7)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request

from batuta.errors import BatutaError, InvalidRequest
from batuta.model.flow import FlowKey, FlowRevision
from batuta.store.port import AllOf, Condition, Criteria
from batuta.web import forms, query, rewriting, saving
from batuta.web.api.flows import all_of
from batuta.web.routes import get, post
from batuta.web.shapes import flow as shape
from batuta.web.site import GivenSite

Json = dict[str, Any]
MOST_HITS = 100
"""Most hits that are told of one flow."""


@get("/flows/source")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Flows whose source has a text in it, with the lines; in the forms of both generations."""
    asked = query.of(request)
    page = query.paging(asked)
    matching = _pattern(asked)
    namespace = asked.text("namespace")
    flows = await all_of(site, _criteria(namespace))
    found = [(each, hits) for each in flows if (hits := _hits(each, matching))]
    results = [
        {
            "namespace": revision.namespace,
            "id": revision.id,
            "editable": True,
            "matches": hits,
            "model": shape.flow(site.parsed(revision)),
            "fragments": [matching.sub(r"[mark]\g<0>[/mark]", hit["snippet"]) for hit in hits],
        }
        for revision, hits in found[page.offset : page.offset + page.limit]
    ]
    return {"results": results, "total": len(found)}


def _pattern(asked: query.Query) -> Any:
    """What to look for."""
    return rewriting.Pattern(
        query=asked.need("q"),
        case_sensitive=asked.flag("caseSensitive"),
        whole_word=asked.flag("wholeWord"),
        regex=asked.flag("regex"),
    ).compiled()


def _hits(revision: FlowRevision, matching: Any) -> list[Json]:
    hits: list[Json] = []
    for number, line in enumerate(revision.source.splitlines(), 1):
        found = matching.search(line)
        if found is not None and len(hits) < MOST_HITS:
            hits.append({"line": number, "column": found.start() + 1, "snippet": line.strip()})
    return hits


@post("/flows/source/replace/preview")
async def preview(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """What a replacement would change; nothing is stored."""
    rewrite = await forms.json(request, rewriting.Rewrite)
    flows = []
    for revision in await all_of(site, _criteria(rewrite.namespace)):
        _, changed = rewriting.rewritten(revision.source, rewrite)
        if changed:
            flows.append(
                {
                    "namespace": revision.namespace,
                    "id": revision.id,
                    "editable": True,
                    "matches": changed[: rewriting.MOST_HITS],
                }
            )
    total = sum(len(each["matches"]) for each in flows)
    return {
        "totalMatches": total,
        "totalFlows": len(flows),
        "editableFlowCount": len(flows),
        "flows": flows,
    }


class Chosen(msgspec.Struct):
    """A flow in a body."""

    namespace: str
    id: str


class Application(rewriting.Rewrite, kw_only=True, rename="camel"):
    """A replacement in some flows; in all that have the text when none is named."""

    flows: list[Chosen] | None = None


@post("/flows/source/replace/apply")
async def apply(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Replace a text in flows; one that would not be a flow any more is left as it is, and told."""
    rewrite = await forms.json(request, Application)
    chosen = None if rewrite.flows is None else {(each.namespace, each.id) for each in rewrite.flows}
    updated, skipped = [], []
    for revision in await all_of(site, _criteria(rewrite.namespace)):
        if chosen is not None and (revision.namespace, revision.id) not in chosen:
            continue
        source, changed = rewriting.rewritten(revision.source, rewrite)
        if not changed:
            if chosen is not None:
                skipped.append(_skipped(revision, "the text does not occur"))
            continue
        try:
            updated.append(shape.with_source(await saving.update(site, revision.key, source)))
        except BatutaError as error:
            skipped.append(_skipped(revision, error.what))
    return {"updated": updated, "skipped": skipped}


def _skipped(revision: FlowRevision, reason: str) -> Json:
    return {"namespace": revision.namespace, "id": revision.id, "reason": reason}


class LineRewrite(rewriting.Rewrite, kw_only=True, rename="camel"):
    """A replacement of one hit."""

    id: str
    line: int
    column: int | None = None


@post("/flows/source/replace/line")
async def replace_line(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Replace one hit in one flow."""
    rewrite = await forms.json(request, LineRewrite)
    if rewrite.namespace is None:
        raise InvalidRequest("the body lacks `namespace`", where="namespace")
    present = await site.need_latest(FlowKey(rewrite.namespace, rewrite.id))
    source = rewriting.rewritten_once(present.source, rewrite, rewrite.line, rewrite.column)
    return shape.with_source(await saving.update(site, present.key, source))


def _criteria(namespace: str | None) -> Criteria:
    return AllOf() if namespace is None else Condition("namespace", "PREFIX", namespace)


ROUTES = [search, preview, apply, replace_line]
