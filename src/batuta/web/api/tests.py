"""Test suites: kept, checked, run (API spec §21; flow spec §18)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.params import FromPath

from batuta.web import forms, query, suite_runs
from batuta.web.access import Action
from batuta.web.api.flows import source_of
from batuta.web.rejections import Invalid, Part
from batuta.web.routes import delete, get, post, put
from batuta.web.site import GivenSite, Site
from batuta.web.suites import Json, KeptSuite, Shelf, SuiteKey


class Named(msgspec.Struct, frozen=True):
    """A suite in a body."""

    namespace: str
    id: str

    @property
    def key(self) -> SuiteKey:
        """Its name."""
        return SuiteKey(self.namespace, self.id)


class Bulk(msgspec.Struct, frozen=True):
    """Suites in a body."""

    ids: list[Named]


class LastResults(msgspec.Struct, frozen=True, rename="camel"):
    """Of which suites the last result is wanted."""

    test_suite_ids: list[Named] = []


class RunRequest(msgspec.Struct, frozen=True, rename="camel"):
    """Which cases to run; all when absent."""

    test_cases: list[str] | None = None


class RunByQuery(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Which suites to run."""

    namespace: str | None = None
    flow_id: str | None = None
    include_child_namespaces: bool = True


def _shelf(site: Site) -> Shelf:
    return Shelf(site.ports.storage)


@post("/tests")
async def create(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Keep a new suite."""
    source = await source_of(request)
    suite = await suite_runs.needed(site, source)
    site.guard.must(Action.CREATE, suite.namespace)
    key = SuiteKey(suite.namespace, suite.id)
    if await _shelf(site).get(key) is not None:
        raise Invalid([Part(message="Test suite id already exists", path="id", pointer="/id")])
    return (await _shelf(site).put(key, source)).shape


@put("/tests/{namespace:str}/{suite_id:str}")
async def update(
    request: Request[Any, Any, Any], namespace: FromPath[str], suite_id: FromPath[str], site: GivenSite
) -> Json:
    """Keep another text of a suite."""
    site.guard.must(Action.UPDATE, namespace)
    key = SuiteKey(namespace, suite_id)
    await _shelf(site).need(key)
    source = await source_of(request)
    suite = await suite_runs.needed(site, source)
    wrong = []
    if suite.id != suite_id:
        wrong.append(Part(message="Illegal test suite id update", path="id", pointer="/id"))
    if suite.namespace != namespace:
        wrong.append(Part(message="Illegal namespace update", path="namespace", pointer="/namespace"))
    if wrong:
        raise Invalid(wrong)
    return (await _shelf(site).put(key, source)).shape


@get("/tests/{namespace:str}/{suite_id:str}")
async def read(namespace: FromPath[str], suite_id: FromPath[str], site: GivenSite) -> Json:
    """One suite."""
    site.guard.must(Action.READ, namespace)
    return (await _shelf(site).need(SuiteKey(namespace, suite_id))).shape


@delete("/tests/{namespace:str}/{suite_id:str}")
async def remove(namespace: FromPath[str], suite_id: FromPath[str], site: GivenSite) -> Json:
    """Remove a suite with its results."""
    site.guard.must(Action.DELETE, namespace)
    key = SuiteKey(namespace, suite_id)
    kept = await _shelf(site).need(key)
    await _shelf(site).delete(key)
    return {**kept.shape, "deleted": True}


@get("/tests/search")
async def search(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Suites of a namespace, by default with those below it, or of a flow."""
    asked = query.of(request)
    wanted = RunByQuery(
        asked.text("namespace"), asked.text("flowId"), asked.flag("includeChildNamespaces", True)
    )
    return _page(asked, [each.shape for each in await _found(site, wanted)])


async def _found(site: Site, wanted: RunByQuery) -> list[KeptSuite]:
    return [each for each in await _shelf(site).all() if _fits(each, wanted)]


def _fits(kept: KeptSuite, wanted: RunByQuery) -> bool:
    if wanted.flow_id is not None and kept.document.get("flowId") != wanted.flow_id:
        return False
    if wanted.namespace is None or kept.key.namespace == wanted.namespace:
        return True
    return wanted.include_child_namespaces and kept.key.namespace.startswith(f"{wanted.namespace}.")


def _page(asked: query.Query, found: list[Json]) -> Json:
    """The part of a list that is asked for, in the order that is asked for."""
    page = query.paging(asked)
    for order in reversed(page.order):
        found = sorted(found, key=lambda each: str(each.get(order.column) or ""), reverse=order.descending)
    return {"results": found[page.offset : page.offset + page.limit], "total": len(found)}


@post("/tests/validate")
async def validate(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Say what is wrong with a suite; never keeps anything."""
    reading, wrong = await suite_runs.checked(site, await source_of(request))
    data = reading.document.data if isinstance(reading.document.data, dict) else {}
    answer: Json = {"index": 0, "outdated": False, "deprecationPaths": [], "warnings": [], "infos": []}
    for name, value in (("flow", data.get("flowId")), ("namespace", data.get("namespace"))):
        if isinstance(value, str):
            answer[name] = value
    if wrong:
        answer["constraints"] = ", ".join(map(str, wrong))
    return answer


@post("/tests/{namespace:str}/{suite_id:str}/run")
async def run(
    request: Request[Any, Any, Any], namespace: FromPath[str], suite_id: FromPath[str], site: GivenSite
) -> Json:
    """Run a suite, or some of its cases, to the end."""
    site.guard.must(Action.READ, namespace)
    kept = await _shelf(site).need(SuiteKey(namespace, suite_id))
    asked = await forms.json(request, RunRequest) if await request.body() else RunRequest()
    return await suite_runs.run(site, kept, asked.test_cases)


@post("/tests/run")
async def run_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Run all suites that fit."""
    asked = await forms.json(request, RunByQuery) if await request.body() else RunByQuery()
    found = [each for each in await _found(site, asked) if each.document.get("disabled") is not True]
    results = [await suite_runs.run(site, each) for each in found]
    return {
        "requestMade": msgspec.to_builtins(asked),
        "tenantId": "main",
        "numberOfTestSuitesToBeRun": len(results),
        "numberOfTestCasesToBeRun": sum(len(each["results"]) for each in results),
        "results": results,
    }


@get("/tests/results/search")
async def search_results(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Results of runs, the newest first."""
    asked = query.of(request)
    wanted = {name: asked.text(name) for name in ("testSuiteId", "namespace", "flowId")}
    found = [
        each
        for each in await _shelf(site).results()
        if all(value is None or each.get(name) == value for name, value in wanted.items())
    ]
    return _page(asked, found)


@post("/tests/results/search/last")
async def last_results(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """The newest result of each of the suites."""
    asked = await forms.json(request, LastResults)
    found = [(await _shelf(site).results(each.key))[:1] for each in asked.test_suite_ids]
    return {"results": [each for newest in found for each in newest]}


@get("/tests/results/{result_id:str}")
async def read_result(result_id: FromPath[str], site: GivenSite) -> Json:
    """One result."""
    return await _shelf(site).result(result_id)


async def _bulk(request: Request[Any, Any, Any], site: Site, action: Action) -> list[SuiteKey]:
    """The suites in a body; one that does not exist refuses all."""
    keys = [each.key for each in (await forms.json(request, Bulk)).ids]
    for key in keys:
        site.guard.must(action, key.namespace)
        await _shelf(site).need(key)
    return keys


@delete("/tests/by-ids")
async def remove_many(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Remove suites."""
    keys = await _bulk(request, site, Action.DELETE)
    for key in keys:
        await _shelf(site).delete(key)
    return {"count": len(keys)}


@post("/tests/disable/by-ids")
async def disable(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Keep suites from running."""
    return await _switched(request, site, disabled=True)


@post("/tests/enable/by-ids")
async def enable(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Let suites run."""
    return await _switched(request, site, disabled=False)


async def _switched(request: Request[Any, Any, Any], site: Site, *, disabled: bool) -> Json:
    keys = await _bulk(request, site, Action.UPDATE)
    for key in keys:
        await _shelf(site).switch(key, disabled=disabled)
    return {"count": len(keys)}


ROUTES = [
    create,
    update,
    read,
    remove,
    search,
    validate,
    run,
    run_by_query,
    search_results,
    last_results,
    read_result,
    remove_many,
    disable,
    enable,
]
