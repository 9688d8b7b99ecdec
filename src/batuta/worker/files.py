"""Files of an attempt: in from internal storage, out to internal storage."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from batuta import expr, ids
from batuta.clock import Clock
from batuta.errors import BatutaError, InvalidRequest, NotFound, TaskError
from batuta.model.execution import Execution
from batuta.paths import inside, is_inside
from batuta.plugin.context import TaskLog, TaskMetrics
from batuta.plugin.converters import as_text
from batuta.storage import uris
from batuta.storage.access import Executions, check_readable
from batuta.storage.namespace_files import NamespaceFiles
from batuta.storage.port import Storage
from batuta.worker import globs
from batuta.worker.workspace import Workspace

SCHEMES = ("kestra://", "nsfile://", "file://")


class AttemptFiles:
    """The working directory and the internal storage, as one task run sees them."""

    def __init__(
        self,
        workspace: Workspace,
        storage: Storage,
        execution: Execution,
        executions: Executions,
        *,
        task_id: str,
        task_run_id: str,
        cache_dir: Path,
        log: TaskLog,
        metrics: TaskMetrics,
        clock: Clock,
        local_roots: tuple[Path, ...] = (),
    ) -> None:
        self._workspace = workspace
        self._storage = storage
        self._execution = execution
        self._executions = executions
        self._task_id = task_id
        self._task_run_id = task_run_id
        self._cache_dir = cache_dir
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._local_roots = local_roots

    @property
    def working_dir(self) -> Path:
        """The attempt's own folder, or the one that the children of a WorkingDirectory share."""
        return self._workspace.folder

    @property
    def cache_dir(self) -> Path:
        """A folder of this machine for what later attempts can use again."""
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        return self._cache_dir

    async def fetch(self, uri: str, target: Path) -> None:
        """Copy a stored file to a local path."""
        if uri.startswith("file://"):
            await asyncio.to_thread(_copy, self.on_machine(uri), target)
            return
        place = await self.resolve(uri)
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        try:
            await self._storage.fetch(place, target)
        except NotFound:
            raise TaskError(f"There is no file `{uri}` in the internal storage") from None
        except InvalidRequest as error:
            raise TaskError(error.what, mend=error.mend) from None

    async def read(self, uri: str) -> bytes:
        """The content of a stored file."""
        if uri.startswith("file://"):
            return await asyncio.to_thread(_content, self.on_machine(uri))
        try:
            return await self._storage.read(await self.resolve(uri))
        except NotFound:
            raise TaskError(f"There is no file `{uri}` in the internal storage") from None

    def on_machine(self, path: str) -> Path:
        """The place behind a path of this machine that the operator has opened to flows."""
        if path.startswith("file://"):
            path = unquote(path.removeprefix("file://"))
        place = Path(path)
        if "\0" in path or not place.is_absolute():
            raise TaskError(f"`{path}` is no absolute path", mend="begin it with `/`")
        if not any(is_inside(root, place) for root in self._local_roots):
            raise TaskError(
                f"`{path}` may not be used: it is not below a folder that is open to flows",
                mend="the operator opens folders with the setting `local_paths`",
            )
        return place

    async def put(self, source: Path, name: str | None = None) -> str:
        """Store a local file below this task run."""
        stored = await self._storage.put(self._uri(name or source.name), source)
        return stored.uri

    async def put_bytes(self, content: bytes, name: str) -> str:
        """Store bytes below this task run."""
        stored = await self._storage.put(self._uri(name), content)
        return stored.uri

    async def copy(self, uri: str) -> str:
        """Store a copy of a stored file below this task run."""
        await self.size(uri)
        name = f"{ids.random_id()}-{uri.rpartition('/')[2]}"
        stored = await self._storage.put(self._uri(name), self._storage.stream(await self.resolve(uri)))
        return stored.uri

    async def delete(self, uri: str) -> bool:
        """Remove a stored file; False when there was none."""
        return await self._storage.delete(await self.resolve(uri))

    async def size(self, uri: str) -> int:
        """Bytes in a stored file."""
        found = await self._storage.stat(await self.resolve(uri))
        if found is None:
            raise TaskError(f"There is no file `{uri}` in the internal storage")
        return found.size

    async def place(self, input_files: Mapping[str, Any] | str | None) -> list[Path]:
        """Write `inputFiles` into the working directory (plugins spec B2.4)."""
        if isinstance(input_files, str):
            input_files = _map_of(input_files)
        placed = []
        for name, value in (input_files or {}).items():
            if value == "":
                continue
            target = self._inside(name, "inputFiles")
            if isinstance(value, str) and value.startswith(SCHEMES):
                await self.fetch(value.strip(), target)
            else:
                content = "" if value is None else as_text(value)
                await asyncio.to_thread(_write, target, content)
            placed.append(target)
        return placed

    async def place_namespace_files(self, namespace_files: Mapping[str, Any] | None) -> int:
        """Copy namespace files into the working directory (triggers-and-stores spec A16.2)."""
        if namespace_files is None or not expr.is_truthy_text(as_text(namespace_files.get("enabled", True))):
            return 0
        started = self._clock.monotonic()
        include = [globs.namespace_matcher(glob) for glob in _texts(namespace_files.get("include"))]
        exclude = [globs.namespace_matcher(glob) for glob in _texts(namespace_files.get("exclude"))]
        if_exists = as_text(namespace_files.get("ifExists") or "OVERWRITE").upper()
        by_folder = expr.is_truthy_text(as_text(namespace_files.get("folderPerNamespace", False)))
        count = 0
        for namespace in _texts(namespace_files.get("namespaces")) or [self._execution.namespace]:
            files = _tree(self._storage, namespace)
            for path in await files.paths():
                if (include and not any(fits(path) for fits in include)) or any(
                    fits(path) for fits in exclude
                ):
                    continue
                target = self._inside(f"{namespace}/{path}" if by_folder else path, "namespaceFiles")
                if target.exists() and not self._may_replace(path, if_exists):
                    continue
                await self._storage.fetch(await files.uri(path), target)
                count += 1
        self._metrics.count("namespacefiles.count", count)
        self._metrics.time("namespacefiles.duration", timedelta(seconds=self._clock.monotonic() - started))
        self._log.info(f"Loaded {count} namespace files")
        return count

    async def collect(self, patterns: Sequence[str]) -> dict[str, str]:
        """Store and remove the files that match `outputFiles` globs (plugins spec B2)."""
        return await self._keep(self.working_dir, paths) if (paths := await self.matching(patterns)) else {}

    async def matching(self, patterns: Sequence[str]) -> list[str]:
        """Relative paths of the files in the working directory that match globs, in order."""
        if not patterns or not self._workspace.is_made:
            return []
        folder = self.working_dir
        tests = [globs.matcher(pattern, str(folder)) for pattern in patterns]
        paths = await asyncio.to_thread(lambda: list(regular_files(folder)))
        return [path for path in paths if any(fits(path) for fits in tests)]

    async def collect_below(self, folder: Path) -> dict[str, str]:
        """Store and remove every regular file below a folder."""
        return await self._keep(folder, await asyncio.to_thread(lambda: list(regular_files(folder))))

    async def purge_execution(self) -> list[str]:
        """Remove every file of this execution, and give the URIs that were there."""
        prefix = execution_prefix(self._execution)
        there = [stored.uri for stored in await self._storage.list(prefix)]
        if there:
            await self._storage.delete_below(prefix)
        return there

    async def resolve(self, uri: str) -> str:
        """The internal storage URI behind any form of reference.

        Raises:
            TaskError: it is no such reference, or this execution may not read it.
        """
        if uri.startswith("file://"):
            raise TaskError(
                f"`{uri}` is a file of the host, which is no stored file",
                mend="store it first, with `io.kestra.plugin.fs.local.Download`",
            )
        execution = self._execution
        try:
            place = uris.readable(uri, namespace=execution.namespace)
            await check_readable(
                place, namespace=execution.namespace, reader=execution, executions=self._executions
            )
        except BatutaError as error:
            raise TaskError(error.what, mend=error.mend) from None
        return place

    async def _keep(self, folder: Path, paths: Sequence[str]) -> dict[str, str]:
        kept = {}
        for path in paths:
            source = folder / path
            kept[path] = await self.put(source, f"{ids.random_id()}-{source.name}")
            await asyncio.to_thread(source.unlink, missing_ok=True)
        return kept

    def _uri(self, name: str) -> str:
        execution = self._execution
        return uris.task_file(
            execution.namespace,
            execution.flow_id,
            execution.id,
            self._task_id,
            self._task_run_id,
            uris.file_name(name),
        )

    def _inside(self, name: str, owner: str) -> Path:
        try:
            return inside(self.working_dir, name.removeprefix("./").removeprefix("/"))
        except InvalidRequest as error:
            raise TaskError(
                f"{owner}: `{name}` is not a path inside the working directory: {error.what}",
                mend="use a relative path without `..`",
            ) from None

    def _may_replace(self, path: str, if_exists: str) -> bool:
        match if_exists:
            case "FAIL":
                raise TaskError(f"namespaceFiles: `{path}` exists already in the working directory")
            case "WARN":
                self._log.warn(f"namespaceFiles: `{path}` exists already and is kept as it is")
                return False
            case "IGNORE":
                return False
            case "OVERWRITE":
                return True
        raise TaskError(
            f"namespaceFiles.ifExists: must be one of OVERWRITE, FAIL, WARN, IGNORE, but is `{if_exists}`"
        )


def _tree(storage: Storage, namespace: str) -> NamespaceFiles:
    try:
        return NamespaceFiles(storage, namespace)
    except InvalidRequest as error:
        raise TaskError(f"namespaceFiles.namespaces: {error.what}", mend=error.mend) from None


def execution_prefix(execution: Execution) -> str:
    """Below which URI all files of an execution are."""
    return uris.execution(execution.namespace, execution.flow_id, execution.id)


def regular_files(folder: Path) -> Iterator[str]:
    """Relative paths of all regular files below a folder, in order; links are not followed."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        base = os.path.relpath(place, folder)
        for name in sorted(names):
            full = os.path.join(place, name)
            if os.path.isfile(full) and not os.path.islink(full):
                yield name if base == "." else f"{base}/{name}"


def scratch_file(folder: Path, suffix: str) -> Path:
    """A new empty file with a random name."""
    handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    os.close(handle)
    return Path(name)


def _map_of(text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise TaskError("inputFiles: must be a map of names to contents, or JSON text of one") from None


def _texts(value: Any) -> list[str]:
    """A list of texts, one text, or the JSON text of a list, to which a template renders."""
    if value is None:
        return []
    if isinstance(value, str) and value.startswith("["):
        with suppress(msgspec.DecodeError, msgspec.ValidationError):
            return msgspec.json.decode(value, type=list[str])
    return [as_text(each) for each in value] if isinstance(value, list) else [as_text(value)]


def _write(target: Path, content: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise TaskError(f"`{source}` cannot be read: {error.strerror}") from None


def _content(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise TaskError(f"`{source}` cannot be read: {error.strerror}") from None
