"""What every handler is given: the ports, the settings, the flows that were read, and the guard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar.di import NamedDependency

from batuta import expr, flows
from batuta.engine.world import World
from batuta.errors import FlowError, NotFound
from batuta.lookups import Lookups
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import Flow, FlowKey, FlowRevision
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.web.access import OPEN, Guard
from batuta.web.watching import Watches

MOST_PARSED = 2_000
"""Revisions that are kept parsed."""
MOST_SHOWN_BYTES = 1_048_576
"""Largest value that an execution shows itself; of a larger one it shows the URI."""


class Stored(msgspec.Struct, frozen=True):
    """A stored revision and its flow; where that cannot be read, `problem` says why."""

    revision: FlowRevision
    flow: Flow | None
    problem: FlowError | None = None


class Site:
    """One web service."""

    def __init__(
        self, ports: Ports, settings: Settings, guard: Guard = OPEN, world: World | None = None
    ) -> None:
        self.ports = ports
        self.settings = settings
        self.guard = guard
        self.lookups = Lookups(ports)
        self.watches = Watches(ports.bus)
        self.world = world or World(url=settings.base_url, recursive_rendering=settings.recursive_rendering)
        self._parsed: OrderedDict[tuple[str, str, int], Stored] = OrderedDict()

    def now(self) -> datetime:
        """The present instant."""
        return self.ports.clock.now()

    def parsed(self, revision: FlowRevision) -> Stored:
        """A revision with its flow; each text is read once."""
        key = (revision.namespace, revision.id, revision.revision)
        known = self._parsed.get(key)
        if known is not None and known.revision == revision:
            return known
        try:
            stored = Stored(revision, flows.parse(revision.source, revision=revision.revision))
        except FlowError as error:
            stored = Stored(revision, None, error)
        self._parsed[key] = stored
        if len(self._parsed) > MOST_PARSED:
            self._parsed.popitem(last=False)
        return stored

    async def need_latest(self, key: FlowKey, *, deleted: bool = False) -> FlowRevision:
        """The newest revision of a flow that exists; with `deleted` also of one that existed."""
        found = await self.ports.store.flows.latest(key)
        if found is None or (found.deleted and not deleted):
            raise NotFound(f"there is no flow `{key.id}` in the namespace `{key.namespace}`")
        return found

    async def need_revision(self, key: FlowKey, number: int) -> FlowRevision:
        """One revision of a flow."""
        found = await self.ports.store.flows.revision(key, number)
        if found is None:
            raise NotFound(f"Unable to find revision {number} on flow {key}")
        return found

    async def need_execution(self, execution_id: str) -> Execution:
        """An execution that exists."""
        found = await self.ports.store.executions.get(execution_id)
        if found is None:
            raise NotFound(f"there is no execution `{execution_id}`")
        return found

    async def with_facts(self, make: Any, *, namespace: str, execution: Execution | None = None) -> Any:
        """`make(facts)`, again and again with one more outside value, until it asks for none."""
        facts = expr.Facts()
        for _ in range(MOST_LOOKUPS):
            try:
                return make(facts)
            except expr.MissingFact as missing:
                facts = await self.lookups.answer(
                    missing.fact, facts, namespace=namespace, execution=execution
                )
        raise FlowError(f"the expressions ask for more than {MOST_LOOKUPS} outside values")

    async def whole(self, outputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs with what was moved to storage in its place again."""
        from batuta.storage.values import whole

        complete: dict[str, Any] = await whole(self.ports.storage, outputs)
        return complete

    async def filled(
        self, execution: Execution, runs: Sequence[TaskRun] = ()
    ) -> tuple[Execution, list[TaskRun]]:
        """Rows as one execution is shown: values that were moved to storage are there again, unless they are
        very large."""
        from batuta.storage.values import filled

        storage = self.ports.storage
        return (
            await filled(storage, execution, MOST_SHOWN_BYTES),
            [await filled(storage, run, MOST_SHOWN_BYTES) for run in runs],
        )


GivenSite = NamedDependency[Site]
"""How a handler asks for the site."""

MOST_LOOKUPS = 100
"""Most outside values that one request may ask for."""
