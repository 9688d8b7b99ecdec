"""Internal storage in a folder of this machine (stores spec §A17.2).

A file is written under another name, brought to the disk and then renamed, so it is there as a whole or not
at all. Work on files runs in threads; what is held of a file in memory is one chunk.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import stat as modes
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from batuta.errors import Conflict, InvalidRequest, NotFound, OperatorError
from batuta.ids import random_id
from batuta.model.flow import TENANT
from batuta.paths import inside
from batuta.storage.port import StoredFile
from batuta.storage.uris import ROOT, path_of

T = TypeVar("T")

MOST_TRIES = 50
"""Tries to make a folder that deletions beside keep taking away."""
CHUNK_BYTES = 256 * 1024
MOST_NAME_BYTES = 255
"""Longest part of a path on common file systems; longer ones are shortened with a hash."""


class LocalStorage:
    """See `batuta.storage.port.Storage`."""

    def __init__(self, root: Path) -> None:
        self._tree = root / TENANT
        self._incoming = root / ".incoming"

    async def put(self, uri: str, source: Path | AsyncIterator[bytes] | bytes) -> StoredFile:
        """Write a file; an older one is replaced when the new one is complete."""
        place = self._place(uri)
        incoming = self._incoming / random_id()
        try:
            if isinstance(source, bytes | Path):
                return await self._run(uri, lambda: self._write(uri, place, incoming, source))
            file = await self._run(uri, lambda: _create(incoming))
            try:
                async for block in _blocks(source):
                    await self._run(uri, lambda block=block: file.write(block))  # type: ignore[misc]
                return await self._run(uri, lambda: self._finish(uri, place, incoming, file))
            finally:
                file.close()
        finally:
            with suppress(OSError):
                incoming.unlink()

    async def fetch(self, uri: str, target: Path) -> None:
        """Copy a file to a local path; the folder of the path is made."""
        place = self._place(uri)
        partial = target.with_name(f".{random_id()}.part")

        def copy() -> None:
            _need_file(uri, place)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(place, partial)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)

        await self._run(uri, copy)

    async def stream(self, uri: str) -> AsyncIterator[bytes]:
        """The content in chunks."""
        place = self._place(uri)

        def begin() -> BinaryIO:
            _need_file(uri, place)
            return place.open("rb", buffering=0)

        file = await self._run(uri, begin)
        try:
            while chunk := await self._run(uri, lambda: file.read(CHUNK_BYTES)):
                yield chunk
        finally:
            file.close()

    async def read(self, uri: str, most: int | None = None) -> bytes:
        """The content, or its first `most` bytes."""
        place = self._place(uri)

        def read() -> bytes:
            _need_file(uri, place)
            with place.open("rb") as file:
                return file.read() if most is None else file.read(most)

        return await self._run(uri, read)

    async def stat(self, uri: str) -> StoredFile | None:
        """Size and age, or None when there is no such file."""
        place = self._place(uri)
        return await self._run(uri, lambda: _stored(uri, place))

    async def list(self, prefix: str) -> list[StoredFile]:
        """All files below a prefix, by URI."""
        folder = self._folder(prefix)

        def read() -> list[StoredFile]:
            found = (_stored(self._uri(place), place) for place in _files(folder))
            return sorted((file for file in found if file), key=lambda file: file.uri)

        return await self._run(prefix, read)

    async def delete(self, uri: str) -> bool:
        """Remove a file, and the folders that it leaves empty."""
        place = self._place(uri)

        def remove() -> bool:
            if _stored(uri, place) is None:
                return False
            place.unlink(missing_ok=True)
            self._prune(place.parent)
            return True

        return await self._run(uri, remove)

    async def delete_below(self, prefix: str) -> int:
        """Remove every file below a prefix."""
        folder = self._folder(prefix)

        def remove() -> int:
            count = 0
            for place in _files(folder):
                place.unlink(missing_ok=True)
                count += 1
            for path, folders, _ in os.walk(folder, topdown=False):
                for name in folders:
                    with suppress(OSError):
                        os.rmdir(os.path.join(path, name))
            self._prune(folder)
            return count

        return await self._run(prefix, remove)

    async def close(self) -> None:
        """Nothing is held open between calls."""

    def _place(self, uri: str) -> Path:
        path = path_of(uri)
        place = inside(self._tree, path)
        if all(len(part.encode()) <= MOST_NAME_BYTES for part in path.split("/")):
            return place
        return inside(self._tree, "/".join(map(_shortened, path.split("/"))))

    def _folder(self, prefix: str) -> Path:
        if not prefix.endswith("/"):
            raise InvalidRequest(f"`{prefix}` is not a prefix of files", mend="end it with a slash")
        path = path_of(prefix).rstrip("/")
        return self._place(f"{ROOT}{path}") if path else self._tree

    def _uri(self, place: Path) -> str:
        return ROOT + place.relative_to(self._tree).as_posix()

    def _write(self, uri: str, place: Path, incoming: Path, source: Path | bytes) -> StoredFile:
        with _create(incoming) as file:
            if isinstance(source, bytes):
                file.write(source)
            else:
                with source.open("rb") as content:
                    shutil.copyfileobj(content, file, CHUNK_BYTES)
            return self._finish(uri, place, incoming, file)

    def _finish(self, uri: str, place: Path, incoming: Path, file: BinaryIO) -> StoredFile:
        """Bring the content to the disk, then give the file its name."""
        file.flush()
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        file.close()
        for left in reversed(range(MOST_TRIES)):
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                incoming.replace(place)
                break
            except (FileNotFoundError, FileExistsError):
                # A deletion has just taken an empty folder away, perhaps while `mkdir` looked at it.
                if not left:
                    raise
        _sync_folder(place.parent)
        return StoredFile(uri, size, datetime.fromtimestamp(place.stat().st_mtime, UTC))

    def _prune(self, folder: Path) -> None:
        """Remove empty folders upwards, up to the root of the tree."""
        while folder != self._tree and folder.is_relative_to(self._tree):
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                return
            folder = folder.parent

    async def _run(self, uri: str, work: Callable[[], T]) -> T:
        """Do something with files in a thread, with errors in words that help."""
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise _explained(error, uri, self._tree) from error


async def _blocks(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in blocks of at least a chunk, so that small pieces do not cost a thread each."""
    pieces: list[bytes] = []
    size = 0
    async for piece in source:
        pieces.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield b"".join(pieces)


def _create(incoming: Path) -> BinaryIO:
    incoming.parent.mkdir(parents=True, exist_ok=True)
    return incoming.open("xb")


def _stored(uri: str, place: Path) -> StoredFile | None:
    try:
        found = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not modes.S_ISREG(found.st_mode):
        return None
    return StoredFile(uri, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _need_file(uri: str, place: Path) -> None:
    if _stored(uri, place) is None:
        raise NotFound(f"File not found: `{uri}`", mend="it may have been purged, or never been written")


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder; links are not followed."""
    for path, _, names in os.walk(folder):
        for name in names:
            place = Path(path, name)
            if not place.is_symlink():
                yield place


def _shortened(part: str) -> str:
    """A part that fits a file system: its beginning, a hash of the whole, and its extension."""
    octets = part.encode()
    if len(octets) <= MOST_NAME_BYTES:
        return part
    suffix = Path(part).suffix[:20]
    mark = f"-{hashlib.sha256(octets).hexdigest()[:32]}{suffix}"
    beginning = octets[: MOST_NAME_BYTES - len(mark.encode())].decode("utf-8", "ignore")
    return f"{beginning.rstrip(' .')}{mark}"


def _sync_folder(folder: Path) -> None:
    """Make the new name durable; not every file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _explained(error: OSError, uri: str, tree: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OperatorError(
            "The disk of the internal storage is full", where=str(tree), mend="free space, then try again"
        )
    if error.errno in (errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST):
        return Conflict(f"`{uri}` is in the way of another file: a name is a file or a folder, not both")
    if error.errno == errno.ENAMETOOLONG:
        return InvalidRequest(
            f"`{uri[:60]}…` is longer than the file system allows", mend="give a shorter path"
        )
    return OperatorError(
        f"The internal storage could not be read or written: {error.strerror or error}", where=str(tree)
    )
