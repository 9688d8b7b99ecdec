"""The whole program in this process, beside real brokers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from batuta import flows
from batuta.app import running
from batuta.bus.port import ExecutionChanged, FlowSaved, TriggersChanged
from batuta.model.execution import Execution
from batuta.model.flow import FlowRevision
from batuta.model.trigger import TriggerKey, TriggerRecord
from batuta.ports import Ports
from batuta.settings.tree import Settings
from batuta.store.batch import Batch
from batuta.store.port import Search

KEY = TriggerKey("company.team", "listen", "each")


class Program:
    """A running Batuta."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.store = ports.store

    async def save(self, trigger: str, type: str, **common: Any) -> None:
        """A flow with one trigger of a type; `trigger` are its own properties."""
        source = (
            "id: listen\nnamespace: company.team\ntasks:\n"
            "  - {id: say, type: io.kestra.plugin.core.debug.Return}\n"
            f"triggers:\n  - id: each\n    type: io.kestra.plugin.{type}\n"
            + "".join(f"    {name}: {value}\n" for name, value in common.items())
            + "".join(f"    {line}\n" for line in dedent(trigger).strip().splitlines())
        )
        flow = flows.parse(source)
        latest = await self.store.flows.latest(flow.key)
        revision = FlowRevision(
            namespace=flow.namespace,
            id=flow.id,
            revision=1 if latest is None else latest.revision + 1,
            source=source,
            created_at=self.ports.clock.now(),
        )
        await self.store.commit(Batch(flows=[revision]))
        await self.ports.bus.publish(FlowSaved(namespace=flow.namespace, flow_id=flow.id))

    async def until(self, reached: Callable[[], Any], seconds: float = 45) -> Any:
        """What `reached` gives once it gives something true."""
        async with (
            asyncio.timeout(seconds),
            self.ports.bus.subscribe(ExecutionChanged, TriggersChanged) as hints,
        ):
            while True:
                found = await reached()
                if found:
                    return found
                try:
                    async with asyncio.timeout(0.05):
                        await anext(hints)
                except TimeoutError:
                    pass

    async def executions(self, count: int) -> list[Execution]:
        """So many executions, oldest first, once there are as many; never more."""

        async def enough() -> list[Execution]:
            found = await self.present()
            return found if len(found) >= count else []

        found = await self.until(enough)
        assert len(found) == count
        return found

    async def present(self) -> list[Execution]:
        """The executions that there are, oldest first."""
        page = await self.store.executions.search(Search(limit=10_000))
        return sorted(page.results, key=lambda each: (each.state.started_at, each.id))

    async def told(self, count: int, name: str) -> list[Any]:
        """What a member of `trigger` is in so many executions, sorted."""
        return sorted(each.trigger.variables[name] for each in await self.executions(count))

    async def record(self) -> TriggerRecord | None:
        """The record of the trigger."""
        return await self.store.triggers.get(KEY)

    async def listening(self) -> None:
        """Wait until the trigger is evaluated."""

        async def is_evaluated() -> bool:
            job = await self.store.triggers.job(KEY)
            return job is not None and job.worker_id is not None

        await self.until(is_evaluated)

    async def waiting(self) -> TriggerRecord:
        """The record, once it says that the source is down."""

        async def is_waiting() -> TriggerRecord | None:
            record = await self.record()
            return record if record is not None and record.failing_since is not None else None

        return await self.until(is_waiting)

    async def well(self) -> TriggerRecord:
        """The record, once it says that the source is there."""

        async def is_well() -> TriggerRecord | None:
            record = await self.record()
            return record if record is not None and record.failing_since is None else None

        return await self.until(is_well)

    async def trigger_log(self) -> list[str]:
        """Lines of the trigger's own log."""
        page = await self.store.logs.search(Search(limit=1000))
        return [f"{line.level} {line.message}" for line in page.results if line.trigger_id == "each"]


@asynccontextmanager
async def program_in(folder: Path, **settings: Any) -> AsyncIterator[Program]:
    """A program on a folder."""
    async with running(Settings(data_dir=folder, **settings)) as ports:
        yield Program(ports)


@pytest.fixture
async def batuta(tmp_path: Path) -> AsyncIterator[Program]:
    logging.getLogger("batuta").setLevel(logging.INFO)
    async with program_in(tmp_path / "data") as program:
        yield program
