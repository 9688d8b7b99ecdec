"""Everything around the execution of one test: its ports, its bench, and what its fixtures put there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from batuta import expr
from batuta.bus.local import LocalBus
from batuta.engine.events import AnyEvent
from batuta.engine.world import World
from batuta.errors import RequestError
from batuta.lookups import Lookups
from batuta.model.execution import Execution
from batuta.model.flow import Flow
from batuta.model.records import KvEntry
from batuta.ports import Ports
from batuta.secrets.cipher import Cipher
from batuta.secrets.environment import PREFIX, EnvironmentSecrets
from batuta.settings.tree import Settings
from batuta.storage import uris
from batuta.store.batch import Batch
from batuta.store.port import Store
from batuta.testing.fixtures import GuardedForms, Mocking
from batuta.testing.guard import Blocked, Reach, Watch
from batuta.testing.library import Library
from batuta.testing.memory import (
    MemoryExecutions,
    MemoryFlows,
    MemoryJournal,
    MemoryKv,
    MemoryLogs,
    MemoryStorage,
    MemoryStore,
)
from batuta.testing.suite import Fixtures
from batuta.testing.virtual_time import VirtualClock
from batuta.worker.attempt import Bench, Forms
from batuta.worker.kv import typed
from batuta.worker.warden import Warden

_KEY = base64.b64encode(b"what tests seal is not kept safe").decode()
_REFERENCES = ("kestra://", "nsfile://")


class TestInbox:
    """Takes what attempts report while they run."""

    __test__ = False

    def __init__(self) -> None:
        self.hear: Callable[..., None] = lambda *events: None

    async def accept(self, *events: AnyEvent, batch: Batch | None = None) -> None:
        """Take events."""
        self.hear(*events)

    async def report(self, *events: AnyEvent) -> None:
        """Take events."""
        self.hear(*events)


class GuardedLookups(Lookups):
    """Outside values from the surroundings of a test; what expressions ask of the network is held back."""

    def __init__(self, ports: Ports, mocking: Mocking) -> None:
        super().__init__(ports)
        self._mocking = mocking
        self._port = 49_152
        self._answers["http"] = self._guarded_http
        self._answers["randomPort"] = self._next_port

    async def _guarded_http(self, arguments: tuple[Any, ...], namespace: str, at: Execution | None) -> Any:
        watch = Watch(None, "`http()` in an expression", self._mocking.allowed)
        try:
            watch.ask(Reach.NETWORK)
        except Blocked as blocked:
            self._mocking.lacks(*watch.needed)
            raise RequestError(str(blocked)) from None
        return await self._http(arguments, namespace, at)

    async def _next_port(self, _: tuple[Any, ...], __: str, ___: Execution | None) -> int:
        self._port += 1
        return self._port


class Surroundings:
    """The small installation in which one test runs. Made within the loop of the test."""

    def __init__(
        self,
        flow: Flow,
        library: Library,
        fixtures: Fixtures,
        mocking: Mocking,
        *,
        start: datetime,
        folder: Path,
        warden: Warden,
        forms: Forms,
    ) -> None:
        self.flows = dict(library.flows)
        self._library = library
        self.files: dict[str, str] = {}
        """What expressions see as `files`: name to URI."""
        self.clock = VirtualClock(start)
        self.storage = MemoryStorage(self.clock)
        self.logs = MemoryLogs()
        self.kv = MemoryKv()
        self.inbox = TestInbox()
        self.find: Callable[[str], Execution | None] = lambda _: None
        self._flow = flow
        self._fixtures = fixtures
        cipher = Cipher(_KEY, folder)
        store = MemoryStore(
            self.kv,
            MemoryFlows(library, start),
            self.logs,
            MemoryExecutions(lambda id: self.find(id)),
        )
        ports = Ports(
            store=cast(Store, store),
            bus=LocalBus(),
            storage=self.storage,
            secrets=_secrets(fixtures.secrets),
            cipher=cipher,
            clock=self.clock,
            inbox=self.inbox,
        )
        self.world = World(
            envs=dict(fixtures.envs),
            globals=dict(fixtures.globals),
            encrypt=cipher.encrypt,
            decrypt=cipher.decrypt,
        )
        self.lookups = GuardedLookups(ports, mocking)
        unmocked = Mocking(Fixtures(), mocking.allowed)
        unmocked.needed = mocking.needed
        self.bench = Bench(
            ports=ports,
            settings=Settings(data_dir=folder),
            lookups=self.lookups,
            journal=MemoryJournal(self.logs),
            warden=warden,
            folders=folder / "tmp",
            forms=GuardedForms(mocking, forms),
        )
        """For the tasks of the flow that is tested."""
        self.unmocked = msgspec.structs.replace(self.bench, forms=GuardedForms(unmocked, forms))
        """For the tasks of its subflows."""

    async def furnish(self, execution_id: str) -> None:
        """Put there what the fixtures say: files, files of the namespace, key-value entries."""
        flow, fixtures, now = self._flow, self._fixtures, self.clock.now()
        for uri, there in self._library.files.items():
            await self.storage.put(uri, there)
        for entry in self._library.kv:
            await self.kv.put(entry)
        for number, (name, content) in enumerate(fixtures.files.items()):
            reference = content.strip()
            if reference.startswith(_REFERENCES) and "\n" not in reference:
                self.files[name] = uris.readable(reference, namespace=flow.namespace)
                continue
            uri = uris.input_file(
                flow.namespace, flow.id, execution_id, f"fixture-{number}", uris.file_name(name)
            )
            await self.storage.put(uri, content.encode())
            self.files[name] = uri
        for path, content in fixtures.namespace_files.items():
            await self.storage.put(uris.namespace_file(flow.namespace, path), content.encode())
        for key, value in fixtures.kv.items():
            kind, plain = typed(value, None)
            await self.kv.put(
                KvEntry(
                    namespace=flow.namespace, key=key, type=kind, value=plain, created_at=now, updated_at=now
                )
            )

    def names(self) -> dict[str, Any]:
        """What templates of fixtures see that are rendered before there is an execution."""
        flow = self._flow
        return {
            "files": self.files,
            "flow": {"id": flow.id, "namespace": flow.namespace, "revision": flow.revision},
            "namespace": {"id": flow.namespace},
            "vars": flow.variables,
            "envs": self.world.envs,
            "globals": self.world.globals,
        }

    async def rendered(self, value: Any) -> Any:
        """A value of a fixture with every text in it rendered."""
        facts = expr.Facts()
        while True:
            try:
                return expr.render_deep(value, self.names(), facts, self.world.options(self.clock.now()))
            except expr.MissingFact as missing:
                facts = await self.lookups.answer(missing.fact, facts, namespace=self._flow.namespace)


def _secrets(given: Mapping[str, str]) -> EnvironmentSecrets:
    """Secrets that every namespace sees, as those of a server's environment."""
    return EnvironmentSecrets(
        {PREFIX + name: base64.b64encode(value.encode()).decode() for name, value in given.items()}
    )
