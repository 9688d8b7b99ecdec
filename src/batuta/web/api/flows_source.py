"""Looking for a text in the sources of flows (API spec §7)."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request

from batuta.errors import InvalidRequest
from batuta.model.flow import FlowRevision
from batuta.store.port import AllOf, Condition, Criteria
from batuta.web import query
from batuta.web.api.flows import all_of
from batuta.web.routes import get
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
    criteria: Criteria = AllOf() if namespace is None else Condition("namespace", "PREFIX", namespace)
    found = [(each, hits) for each in await all_of(site, criteria) if (hits := _hits(each, matching))]
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
    """What to look for. Patterns of users run on a library whose time is linear."""
    import re2

    text = asked.need("q")
    pattern = text if asked.flag("regex") else re.escape(text)
    if asked.flag("wholeWord"):
        pattern = rf"\b(?:{pattern})\b"
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern if asked.flag("caseSensitive") else f"(?i){pattern}", options)
    except re2.error as error:
        raise InvalidRequest(f"`{text}` is not a pattern: {error}", where="q") from None


def _hits(revision: FlowRevision, matching: Any) -> list[Json]:
    hits: list[Json] = []
    for number, line in enumerate(revision.source.splitlines(), 1):
        found = matching.search(line)
        if found is not None and len(hits) < MOST_HITS:
            hits.append({"line": number, "column": found.start() + 1, "snippet": line.strip()})
    return hits


ROUTES = [search]
