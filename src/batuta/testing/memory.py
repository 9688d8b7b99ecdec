"""The ports of one test, in memory: files, key-value entries, flows and lines of the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from batuta.clock import Clock
from batuta.errors import NotFound
from batuta.model.execution import Execution
from batuta.model.flow import FlowKey, FlowRevision
from batuta.model.records import KvEntry, LogLine, Metric
from batuta.model.task import LogLevel
from batuta.storage import uris
from batuta.storage.port import StoredFile
from batuta.store.port import StoredLine
from batuta.testing.guard import refuse_server
from batuta.testing.library import Library
from batuta.worker.journal import Journal

_CHUNK_BYTES = 256 * 1024


class MemoryStorage:
    """See `batuta.storage.port.Storage`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, tuple[bytes, StoredFile]] = {}

    async def put(self, uri: str, source: Path | AsyncIterator[bytes] | bytes) -> StoredFile:
        """Write a file; an older one is replaced."""
        uris.path_of(uri)
        if isinstance(source, Path):
            content = await asyncio.to_thread(source.read_bytes)
        elif isinstance(source, bytes):
            content = source
        else:
            content = b"".join([block async for block in source])
        stored = StoredFile(uri, len(content), self._clock.now())
        self._files[uri] = (content, stored)
        return stored

    async def fetch(self, uri: str, target: Path) -> None:
        """Copy a file to a local path; the folder of the path is made."""
        content = self.content(uri)
        await asyncio.to_thread(_write, target, content)

    async def stream(self, uri: str) -> AsyncIterator[bytes]:
        """The content in chunks."""
        content = self.content(uri)
        for start in range(0, len(content), _CHUNK_BYTES):
            yield content[start : start + _CHUNK_BYTES]

    async def read(self, uri: str, most: int | None = None) -> bytes:
        """The content, or its first `most` bytes."""
        return self.content(uri)[:most]

    async def stat(self, uri: str) -> StoredFile | None:
        """Size and age, or None when there is no such file."""
        found = self._files.get(uri)
        return None if found is None else found[1]

    async def list(self, prefix: str) -> list[StoredFile]:
        """All files below a URI prefix, by URI."""
        return [self._files[uri][1] for uri in sorted(self._files) if uri.startswith(prefix)]

    async def delete(self, uri: str) -> bool:
        """Remove a file; False when there was none."""
        return self._files.pop(uri, None) is not None

    async def delete_below(self, prefix: str) -> int:
        """Remove every file below a URI prefix; how many there were."""
        found = [uri for uri in self._files if uri.startswith(prefix)]
        for uri in found:
            del self._files[uri]
        return len(found)

    async def close(self) -> None:
        """There is nothing to let go of."""

    def content(self, uri: str) -> bytes:
        """The content of a file, at once. Raises `NotFound`."""
        found = self._files.get(uri)
        if found is None:
            raise NotFound(f"There is no file `{uri}` in the internal storage")
        return found[0]


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


class MemoryKv:
    """See `batuta.store.port.Kv`, as far as tasks and expressions need it."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], KvEntry] = {}

    async def get(self, namespace: str, key: str) -> KvEntry | None:
        """Exactly this key of exactly this namespace."""
        return self._entries.get((namespace, key))

    async def put(self, entry: KvEntry, *, overwrite: bool = True) -> bool:
        """Write an entry; False when the key exists, has not expired, and `overwrite` is false."""
        place = (entry.namespace, entry.key)
        there = self._entries.get(place)
        if there is not None:
            expired = there.expires_at is not None and there.expires_at <= entry.updated_at
            if not overwrite and not expired:
                return False
            entry = msgspec.structs.replace(entry, version=there.version + 1, created_at=there.created_at)
        self._entries[place] = entry
        return True

    async def delete(self, namespace: str, key: str) -> bool:
        """Remove a key; False when there was none."""
        return self._entries.pop((namespace, key), None) is not None

    async def of_namespace(self, namespace: str, now: datetime, prefix: str = "") -> list[KvEntry]:
        """Live entries of exactly this namespace whose key begins with `prefix`, by key."""
        return [
            entry
            for (place, key), entry in sorted(self._entries.items())
            if place == namespace
            and key.startswith(prefix)
            and (entry.expires_at is None or entry.expires_at > now)
        ]


class MemoryFlows:
    """Flows by name, each in one revision."""

    def __init__(self, library: Library, at: datetime) -> None:
        self._library = library
        self._at = at

    async def latest(self, key: FlowKey) -> FlowRevision | None:
        """The one revision."""
        flow = self._library.flows.get(key)
        if flow is None:
            return None
        return FlowRevision(
            namespace=flow.namespace,
            id=flow.id,
            revision=flow.revision,
            source=self._library.sources.get(key, ""),
            created_at=self._at,
            disabled=flow.disabled,
            description=flow.description,
            labels=flow.labels,
        )

    async def revision(self, key: FlowKey, revision: int) -> FlowRevision | None:
        """That revision, if it is the one."""
        found = await self.latest(key)
        return found if found is not None and found.revision == revision else None


class MemoryLogs:
    """Lines in the order in which they came."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    async def of_execution(
        self,
        execution_id: str,
        *,
        least: LogLevel = LogLevel.TRACE,
        task_run_id: str | None = None,
        task_id: str | None = None,
        attempt: int | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[StoredLine]:
        """Lines of an execution, from the one behind `after` on."""
        found = [
            StoredLine(number, line)
            for number, line in enumerate(self.lines, 1)
            if number > after
            and line.execution_id == execution_id
            and line.level.severity >= least.severity
            and task_run_id in (None, line.task_run_id)
            and task_id in (None, line.task_id)
            and attempt in (None, line.attempt)
        ]
        return found[:limit]


class MemoryExecutions:
    """Executions of one test. `find` gives those that are on its stage."""

    def __init__(self, find: Any) -> None:
        self._find = find

    async def get(self, execution_id: str) -> Execution | None:
        """The row of an execution."""
        found: Execution | None = self._find(execution_id)
        return found

    def __getattr__(self, name: str) -> Any:
        refuse_server()


class MemoryStore:
    """See `batuta.store.port.Store`: what tasks ask for, and a clear refusal of everything else."""

    def __init__(
        self, kv: MemoryKv, flows: MemoryFlows, logs: MemoryLogs, executions: MemoryExecutions
    ) -> None:
        self.kv = kv
        self.flows = flows
        self.logs = logs
        self.executions = executions

    def __getattr__(self, name: str) -> Any:
        refuse_server()


class MemoryJournal(Journal):
    """Lines of attempts on their way to the log of a test: they are there at once."""

    def __init__(self, logs: MemoryLogs) -> None:
        self._logs = logs

    def add(self, line: LogLine) -> None:
        """Take a line."""
        self._logs.lines.append(line)

    def measure(self, metric: Metric) -> None:
        """Nobody looks at the measurements of a test."""

    async def room(self) -> None:
        """There is always room."""

    async def flush(self) -> None:
        """Nothing waits."""
