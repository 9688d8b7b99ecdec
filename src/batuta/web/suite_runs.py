"""Runs of test suites on a server: against its flows, files of namespaces and key-value entries.

They run in a thread, in surroundings of their own: nothing that a test does is seen by the server, and
neither the network nor processes can be reached. Secrets of the server are not handed in, for results show
what tests have seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from batuta import iso8601
from batuta.model.flow import Flow, FlowKey
from batuta.model.records import KvEntry
from batuta.storage import uris
from batuta.web.rejections import Invalid
from batuta.web.saving import parts_of
from batuta.web.site import Site
from batuta.web.suites import Json, KeptSuite, Shelf

if TYPE_CHECKING:
    from batuta.flows import Violation
    from batuta.testing.library import Library
    from batuta.testing.running import Rules
    from batuta.testing.suite import Suite
    from batuta.testing.suite_reader import SuiteReading

MOST_FLOWS = 200
"""Flows that a test may start besides its own."""
MOST_FILE_BYTES = 32 * 1024 * 1024
"""Files of a namespace that tests can see, all together."""


async def checked(site: Site, source: str) -> tuple[SuiteReading, Sequence[Violation]]:
    """A text as a suite, and everything that is wrong with it, held against the flow as it is now."""
    from batuta.testing.suite_check import mismatches, without_flow
    from batuta.testing.suite_reader import read_suite

    reading = read_suite(source)
    if reading.suite is None:
        return reading, reading.violations
    flow = await _latest(site, reading.suite.flow_key)
    if flow is None:
        return reading, (without_flow(reading, f"there is no flow {reading.suite.flow_key}"),)
    return reading, mismatches(reading, reading.suite, flow)


async def needed(site: Site, source: str) -> Suite:
    """A text as a suite that fits its flow.

    Raises:
        Invalid: it does not; with every violation.
    """
    reading, wrong = await checked(site, source)
    if wrong or reading.suite is None:
        raise Invalid(parts_of(wrong))
    return reading.suite


async def run(site: Site, kept: KeptSuite, cases: Collection[str] | None = None) -> Json:
    """Run a suite, or some of its cases, and keep the result."""
    from batuta.testing.results import unfit
    from batuta.testing.running import Rules

    begun = site.now()
    reading, wrong = await checked(site, kept.source)
    if wrong or reading.suite is None:
        result = unfit(kept.key.namespace, kept.key.id, kept.document, [str(each) for each in wrong])
    else:
        rules = Rules(base_url=site.settings.base_url)
        library = await _library(site, reading.suite.flow_key)
        result = await asyncio.to_thread(_run, reading.suite, library, rules, cases)
    shape: Json = msgspec.to_builtins(result)
    shape["startDate"] = iso8601.format_instant(begun)
    shape["endDate"] = iso8601.format_instant(site.now())
    # Executions of tests are not kept, so there is nothing to link to.
    for each in shape["results"]:
        each["url"] = None
    return await Shelf(site.ports.storage).keep(kept.key, shape)


def _run(suite: Suite, library: Library, rules: Rules, cases: Collection[str] | None) -> Any:
    from batuta.testing.running import theatre

    with theatre(rules) as stage:
        return stage.suite(suite, library, lambda case: cases is None or case.id in cases)


async def _library(site: Site, key: FlowKey) -> Library:
    """The flow, those that it names as its subflows, and what belongs to its namespace."""
    from batuta.testing.library import Library

    found: dict[FlowKey, Flow] = {}
    waiting = [key]
    while waiting and len(found) <= MOST_FLOWS:
        each = waiting.pop()
        flow = await _latest(site, each)
        if flow is not None and each not in found:
            found[each] = flow
            waiting += [child for child in _started(flow) if child not in found]
    namespace = key.namespace
    return Library(found, {}, files=await _files(site, namespace), kv=await _entries(site, namespace))


async def _latest(site: Site, key: FlowKey) -> Flow | None:
    revision = await site.ports.store.flows.latest(key)
    return None if revision is None or revision.deleted else site.parsed(revision).flow


def _started(flow: Flow) -> Iterator[FlowKey]:
    """Flows that tasks start; those whose names are templates cannot be told."""
    from batuta.testing.shelf import STARTING

    for task in flow.walk():
        if task.type in STARTING:
            yield FlowKey(str(task.properties.get("namespace")), str(task.properties.get("flowId")))


async def _files(site: Site, namespace: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    room = MOST_FILE_BYTES
    for stored in await site.ports.storage.list(uris.namespace_file(namespace, "")):
        room -= stored.size
        if room >= 0:
            found[stored.uri] = await site.ports.storage.read(stored.uri)
    return found


async def _entries(site: Site, namespace: str) -> list[KvEntry]:
    found: list[KvEntry] = []
    while namespace:
        found += await site.ports.store.kv.of_namespace(namespace, site.now())
        namespace = namespace.rpartition(".")[0]
    return found
