"""Files that a WorkingDirectory keeps from one execution to the next (flow spec §6.14)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import zipfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from batuta import iso8601
from batuta.errors import TaskError
from batuta.paths import is_inside
from batuta.plugin.converters import as_text
from batuta.ports import Ports
from batuta.storage import uris
from batuta.worker import globs
from batuta.worker.context import AttemptInputs
from batuta.worker.files import regular_files, scratch_file


class FolderCache:
    """The cached files of one task; for loops, of one value. Without patterns it does nothing."""

    def __init__(
        self, ports: Ports, uri: str, folder: Path, patterns: Sequence[str], ttl: timedelta | None
    ) -> None:
        self._ports = ports
        self._uri = uri
        self._folder = folder
        self._patterns = patterns
        self._ttl = ttl
        self._before: dict[str, tuple[int, int]] = {}

    @classmethod
    def of(
        cls, cache: Mapping[str, Any] | None, ports: Ports, inputs: AttemptInputs, folder: Path
    ) -> FolderCache:
        """The cache that a task declares."""
        cache = cache or {}
        execution, run = inputs.execution, inputs.run
        identity = inputs.task.id if run.value is None else f"{inputs.task.id}-{_digest(run.value)}"
        uri = uris.cache(execution.namespace, execution.flow_id, identity)
        patterns = cache.get("patterns") or []
        ttl = cache.get("ttl")
        try:
            age = None if ttl is None else iso8601.parse_duration(as_text(ttl))
        except (ValueError, OverflowError) as error:
            raise TaskError(f"cache.ttl: {error}") from None
        texts = [as_text(each) for each in patterns] if isinstance(patterns, list) else [as_text(patterns)]
        return cls(ports, uri, folder, texts, age)

    async def restore(self) -> None:
        """Put the cached files into the folder, unless they are too old."""
        if not self._patterns:
            return
        stored = await self._ports.storage.stat(self._uri)
        if stored is None or (
            self._ttl is not None and self._ports.clock.now() - stored.changed_at > self._ttl
        ):
            return
        archive = scratch_file(self._folder, ".cache.zip")
        try:
            await self._ports.storage.fetch(self._uri, archive)
            await asyncio.to_thread(_unpack, archive, self._folder)
        finally:
            archive.unlink(missing_ok=True)
        self._before = await asyncio.to_thread(self._matching)

    async def save(self) -> None:
        """Store the matching files anew where one of them has changed."""
        if not self._patterns:
            return
        now = await asyncio.to_thread(self._matching)
        if now == self._before or not now:
            return
        archive = scratch_file(self._folder, ".cache.zip")
        try:
            await asyncio.to_thread(_pack, archive, self._folder, list(now))
            await self._ports.storage.put(self._uri, archive)
        finally:
            archive.unlink(missing_ok=True)

    def _matching(self) -> dict[str, tuple[int, int]]:
        tests = [globs.matcher(pattern, str(self._folder)) for pattern in self._patterns]
        found = {}
        for path in regular_files(self._folder):
            if any(fits(path) for fits in tests):
                about = os.stat(self._folder / path)
                found[path] = (about.st_size, about.st_mtime_ns)
        return found


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _pack(archive: Path, folder: Path, paths: list[str]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for path in paths:
            target.write(folder / path, path)


def _unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            place = (folder / member.filename).resolve()
            if not is_inside(folder, place) or member.is_dir():
                continue
            source.extract(member, folder)
            mode = member.external_attr >> 16
            if mode:
                os.chmod(place, mode & 0o777)
