"""Files of namespaces as tasks see them (triggers-and-stores spec A16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from batuta.errors import NotFound, RequestError, TaskError
from batuta.ports import Ports
from batuta.storage.namespace_files import NamespaceFiles, PurgeRule
from batuta.worker import globs
from batuta.worker.files import AttemptFiles


class NamespaceTrees:
    """See `plugin.context.NamespaceTrees`."""

    def __init__(self, ports: Ports, files: AttemptFiles) -> None:
        self._ports = ports
        self._files = files

    async def names(self) -> list[str]:
        """Namespaces with flows, sorted."""
        return await self._ports.store.flows.namespaces()

    async def chosen(self, namespace: str, patterns: Sequence[str]) -> list[str]:
        """Paths of the files that one of the paths or globs names, sorted."""
        tests = [globs.namespace_matcher(pattern) for pattern in patterns]
        return [path for path in await self._of(namespace).paths() if any(fits(path) for fits in tests)]

    async def uri(self, namespace: str, path: str) -> str | None:
        """Where the newest content of a file is; None when there is no such file."""
        try:
            return await self._of(namespace).uri(path)
        except NotFound:
            return None
        except RequestError as error:
            raise _failure(error) from None

    async def put(self, namespace: str, path: str, source: Path | bytes | str) -> str:
        """Write a file, as a new version where it exists; its URI."""
        files = self._of(namespace)
        try:
            if not isinstance(source, str):
                return await files.put(path, source)
            await self._files.size(source)
            return await files.put(path, self._ports.storage.stream(await self._files.resolve(source)))
        except RequestError as error:
            raise _failure(error) from None

    async def delete(self, namespace: str, path: str, *, with_empty_folders: bool = False) -> bool:
        """Remove a file, and if wanted the folders that this leaves empty; False when there was none."""
        files = self._of(namespace)
        try:
            await files.delete(path, keep_folder=not with_empty_folders)
            if with_empty_folders:
                await files.drop_empty_folders(path)
        except NotFound:
            return False
        except RequestError as error:
            raise _failure(error) from None
        return True

    async def purge(
        self, namespace: str, *, pattern: str | None, keep: int | None, before: datetime | None
    ) -> int:
        """Remove old versions of the files that a path or glob names, for good; how many there were."""
        fits = globs.namespace_matcher("**" if pattern is None else pattern)
        return await self._of(namespace).purge(PurgeRule(keep=keep, before=before), fits)

    def _of(self, namespace: str) -> NamespaceFiles:
        try:
            return NamespaceFiles(self._ports.storage, namespace)
        except RequestError as error:
            raise _failure(error) from None


def _failure(error: RequestError) -> TaskError:
    return TaskError(error.what, mend=error.mend)
