"""Files of a namespace: a tree with versions, above internal storage (stores spec §A16.1).

The newest content of a file lies at its own URI, so whoever knows the path reads it without asking anybody.
What is replaced or deleted is kept first, as a version whose name says its number and when it was written.
A folder exists through the files in it, or by a marker where somebody made it on purpose. Storage is the only
truth, there is no table that could disagree with it; a step that was broken off is made good by the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from weakref import WeakValueDictionary

import msgspec

from batuta.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from batuta.paths import checked_parts
from batuta.storage import uris
from batuta.storage.port import Storage, StoredFile

MOST_NAME_BYTES = 255
"""Longest name of a file or folder, in UTF-8."""
_MARKER = ".folder"
_PURGED = "purged"
_FLOWS = "_flows"
"""Where flows stand in an archive; no file of a namespace may."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(msgspec.Struct, frozen=True):
    """A file or folder."""

    path: str
    """Without a slash in front; empty for the root."""
    size: int
    created_at: datetime
    changed_at: datetime
    is_folder: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Version(msgspec.Struct, frozen=True):
    """One content that a file has or had; numbers begin with 1."""

    number: int
    uri: str
    size: int
    written_at: datetime


class PurgeRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions to remove; of several conditions each is enough. The present content always stays."""

    keep: int | None = None
    """How many of the newest versions stay; of a deleted file, the deletion counts as one."""
    before: datetime | None = None
    """Versions written before this go."""

    def falls_on(self, version: Version, newer: int) -> bool:
        """The version goes; `newer` versions are newer than it."""
        too_many = self.keep is not None and newer >= self.keep
        too_old = self.before is not None and version.written_at < self.before
        return too_many or too_old


class NamespaceFiles:
    """The files of one namespace. Paths are checked here, with or without a slash in front."""

    _locks: ClassVar[WeakValueDictionary[tuple[int, str], asyncio.Lock]] = WeakValueDictionary()
    """By event loop and namespace: one change at a time, so that writes to a file that meet in one process
    become versions of it. Of two processes, the later one wins."""

    def __init__(self, storage: Storage, namespace: str) -> None:
        self._storage = storage
        self.namespace = namespace
        self._root = uris.namespace_file(namespace, "")
        self._folders = uris.namespace_folders(namespace)

    async def paths(self, below: str = "") -> list[str]:
        """Paths of all files below a folder, sorted."""
        prefix = f"{below}/" if below else ""
        return [self._path(stored) for stored in await self._storage.list(self._root + prefix)]

    async def folders(self) -> list[str]:
        """Folders that were made on purpose, sorted; others follow from the paths of files."""
        markers = await self._storage.list(self._folders)
        return [marker.uri.removeprefix(self._folders).removesuffix(f"/{_MARKER}") for marker in markers]

    async def find(self, path: str) -> Entry | None:
        """What is at a path: a file, a folder, or nothing. The root is a folder."""
        place = checked_path(path, folder=True)
        stored = await self._storage.stat(self._uri(place)) if place else None
        if stored is not None:
            created = (await self._history(place)).first_date(stored.changed_at)
            return Entry(place, stored.size, created, stored.changed_at)
        below = await self._below(place)
        if not below and place:
            return None
        return _folder(place, below)

    async def children(self, path: str = "") -> list[Entry]:
        """What is directly in a folder: folders, then files, each by name. The root is never missing.

        Raises:
            NotFound: there is no such folder.
        """
        place = checked_path(path, folder=True)
        below = await self._below(place)
        if not below and place:
            raise NotFound(f"There is no folder `/{place}` in the namespace `{self.namespace}`")
        histories = await self._histories(place)
        prefix = f"{place}/" if place else ""
        files: list[Entry] = []
        inner: dict[str, list[StoredFile]] = {}
        for stored in below:
            path_of_it = self._path(stored)
            head, slash, _ = path_of_it.removeprefix(prefix).partition("/")
            if slash:
                inner.setdefault(prefix + head, []).append(stored)
            elif not stored.uri.startswith(self._folders):
                created = histories.get(path_of_it, _NEW).first_date(stored.changed_at)
                files.append(Entry(path_of_it, stored.size, created, stored.changed_at))
        folders = [_folder(name, inside) for name, inside in inner.items()]
        return [*sorted(folders, key=lambda each: each.path), *sorted(files, key=lambda each: each.path)]

    async def search(self, text: str) -> list[str]:
        """Paths of files that hold a text, with a slash in front."""
        return [f"/{path}" for path in await self.paths() if text in f"/{path}"]

    async def uri(self, path: str, version: int | None = None) -> str:
        """Where the content of a file is: the newest, or that of a version.

        Raises:
            NotFound: there is no such file, or it never had this version.
        """
        place = checked_path(path)
        if version is None:
            if await self._storage.stat(self._uri(place)) is None:
                raise self._missing(place)
            return self._uri(place)
        for found in await self.versions(place):
            if found.number == version:
                return found.uri
        raise NotFound(f"The file `/{place}` of the namespace `{self.namespace}` has no version {version}")

    async def versions(self, path: str) -> list[Version]:
        """Every version of a file, oldest first; also of a deleted one.

        Raises:
            NotFound: there never was such a file.
        """
        place = checked_path(path)
        history = await self._history(place)
        versions = list(history.versions)
        stored = await self._storage.stat(self._uri(place))
        if stored is not None and not history.holds(stored):
            written_at = _whole(stored.changed_at)
            versions.append(Version(history.last_number + 1, stored.uri, stored.size, written_at))
        if not versions:
            raise self._missing(place)
        return versions

    async def put(
        self, path: str, source: Path | AsyncIterator[bytes] | bytes, *, overwrite: bool = True
    ) -> str:
        """Write a file, as its next version where it exists; its URI. Folders on the way come with it.

        Raises:
            AlreadyExists: the file exists, and `overwrite` is false.
            Conflict: a file is where the path needs a folder, or the other way round.
        """
        place = checked_path(path)
        async with self._changing():
            if not overwrite and await self._storage.stat(self._uri(place)) is not None:
                raise AlreadyExists(f"The file `/{place}` exists already in the namespace `{self.namespace}`")
            await self._need_room(place)
            await self._keep(place)
            return (await self._storage.put(self._uri(place), source)).uri

    async def make_folder(self, path: str) -> None:
        """Make a folder that stays when nothing is in it."""
        place = checked_path(path, folder=True)
        if not place:
            return
        async with self._changing():
            if await self._storage.stat(self._uri(place)) is not None:
                raise Conflict(f"`/{place}` is a file already, so it cannot be a folder")
            await self._need_room(f"{place}/{_MARKER}")
            await self._storage.put(f"{self._folders}{place}/{_MARKER}", b"")

    async def move(self, source: str, target: str) -> None:
        """Give a file or a folder another path; a file keeps its versions.

        Raises:
            NotFound: there is nothing at the old path.
            Conflict: there is something at the new one.
        """
        old, new = checked_path(source, folder=True), checked_path(target, folder=True)
        if not old or not new:
            raise InvalidRequest("The root of a namespace cannot be moved, and nothing can take its place")
        if new == old or new.startswith(f"{old}/"):
            raise InvalidRequest(f"`/{old}` cannot be moved to `/{new}`: that is itself or inside of it")
        async with self._changing():
            is_file = await self._storage.stat(self._uri(old)) is not None
            inside = [] if is_file else await self.paths(old)
            markers = await self._storage.list(f"{self._folders}{old}/")
            if not is_file and not inside and not markers:
                raise self._missing(old)
            if await self._storage.stat(self._uri(new)) is not None or await self._below(new):
                raise Conflict(f"`/{new}` exists already in the namespace `{self.namespace}`")
            await self._need_room(new)
            for path in [old] if is_file else inside:
                await self._move_file(path, new + path.removeprefix(old))
            for marker in markers:
                name = marker.uri.removeprefix(f"{self._folders}{old}/")
                await self._storage.put(f"{self._folders}{new}/{name}", b"")
                await self._storage.delete(marker.uri)

    async def delete(self, path: str, *, keep_folder: bool = False) -> list[str]:
        """Remove a file, or a folder with everything in it; versions are kept. The paths of the files.

        The folder around it goes with the last file in it, unless it was made on purpose or shall be kept.

        Raises:
            NotFound: there is no such file or folder.
        """
        place = checked_path(path, folder=True)
        async with self._changing():
            if place and await self._storage.stat(self._uri(place)) is not None:
                gone = [place]
            else:
                if place and not await self._below(place):
                    raise self._missing(place)
                gone = await self.paths(place)
                await self._storage.delete_below(f"{self._folders}{place}/" if place else self._folders)
            for each in gone:
                await self._keep(each)
                await self._storage.delete(self._uri(each))
            around = place.rpartition("/")[0]
            if keep_folder and around and not await self._below(around):
                await self._storage.put(f"{self._folders}{around}/{_MARKER}", b"")
        return gone

    async def drop_empty_folders(self, path: str) -> None:
        """Forget the folders around a path in which nothing is left."""
        folder = checked_path(path).rpartition("/")[0]
        while folder and not await self.paths(folder):
            marker = f"{self._folders}{folder}/{_MARKER}"
            if any(stored.uri != marker for stored in await self._storage.list(f"{self._folders}{folder}/")):
                return
            await self._storage.delete(marker)
            folder = folder.rpartition("/")[0]

    async def purge(self, rule: PurgeRule, fits: Callable[[str], bool] = lambda _: True) -> int:
        """Remove versions for good, of files whose path fits; how many there were."""
        count = 0
        async with self._changing():
            for path, history in (await self._histories()).items():
                if fits(path):
                    count += await self._purge_file(path, history, rule)
        return count

    async def _purge_file(self, path: str, history: _History, rule: PurgeRule) -> int:
        newest_first = list(reversed(history.versions))
        old = [each for newer, each in enumerate(newest_first, start=1) if rule.falls_on(each, newer)]
        prefix = uris.namespace_file_versions(self.namespace, path)
        if len(old) == len(newest_first) and await self._storage.stat(self._uri(path)) is None:
            await self._storage.delete_below(prefix)
            return len(old)
        if old and old[0] is newest_first[0]:
            # Numbers go on behind those that are gone.
            await self._storage.put(f"{prefix}{history.last_number}-{_PURGED}", b"")
        for version in old:
            await self._storage.delete(version.uri)
        return len(old)

    # Below here paths were checked.

    def _uri(self, place: str) -> str:
        return self._root + place

    def _path(self, stored: StoredFile) -> str:
        prefix = self._folders if stored.uri.startswith(self._folders) else self._root
        return stored.uri.removeprefix(prefix)

    def _changing(self) -> asyncio.Lock:
        key = (id(asyncio.get_running_loop()), self.namespace)
        return self._locks.setdefault(key, asyncio.Lock())

    def _missing(self, place: str) -> NotFound:
        return NotFound(f"There is no file `/{place}` in the namespace `{self.namespace}`")

    async def _below(self, place: str) -> list[StoredFile]:
        """Files and markers below a folder."""
        prefix = f"{place}/" if place else ""
        files = await self._storage.list(self._root + prefix)
        return files + await self._storage.list(self._folders + prefix)

    async def _need_room(self, place: str) -> None:
        """No file may be where the path has a folder, and no folder where it has its file."""
        parts = place.split("/")
        for length in range(1, len(parts)):
            folder = "/".join(parts[:length])
            if await self._storage.stat(self._uri(folder)) is not None:
                raise Conflict(f"`/{folder}` is a file, so there can be no `/{place}`")
        if await self._below(place):
            raise Conflict(f"`/{place}` is a folder already, so it cannot be a file")

    async def _history(self, place: str) -> _History:
        """What is kept of a file."""
        prefix = uris.namespace_file_versions(self.namespace, place)
        return _History.of(prefix, await self._storage.list(prefix))

    async def _histories(self, folder: str = "") -> dict[str, _History]:
        """What is kept of every file below a folder, by path."""
        root = uris.namespace_file_versions(self.namespace)
        found: dict[str, list[StoredFile]] = {}
        for stored in await self._storage.list(f"{root}{folder}/" if folder else root):
            path = stored.uri.removeprefix(root).rpartition("/")[0].removesuffix(f"/{uris.VERSIONS}")
            found.setdefault(path, []).append(stored)
        return {
            path: _History.of(uris.namespace_file_versions(self.namespace, path), kept)
            for path, kept in found.items()
        }

    async def _keep(self, place: str) -> None:
        """Keep what a file holds as a version, unless it is kept already."""
        stored = await self._storage.stat(self._uri(place))
        if stored is None:
            return
        newest = (await self.versions(place))[-1]
        if newest.uri == stored.uri:
            name = f"{newest.number}-{_micros(newest.written_at)}"
            target = uris.namespace_file_versions(self.namespace, place) + name
            await self._storage.put(target, self._storage.stream(stored.uri))

    async def _move_file(self, old: str, new: str) -> None:
        """Move a file with its versions; what the new path remembers of an earlier file stays older."""
        last = (await self._history(new)).last_number
        target = uris.namespace_file_versions(self.namespace, new)
        for version in (await self._history(old)).versions:
            name = f"{last + version.number}-{_micros(version.written_at)}"
            await self._storage.put(target + name, self._storage.stream(version.uri))
        await self._storage.put(self._uri(new), self._storage.stream(self._uri(old)))
        await self._storage.delete_below(uris.namespace_file_versions(self.namespace, old))
        await self._storage.delete(self._uri(old))


def checked_path(given: str, *, folder: bool = False) -> str:
    """A path of a namespace without the slash in front; for a folder it may be the root, and end with one.

    Raises:
        InvalidRequest: it leads elsewhere, or is kept for something else.
    """
    place = given.removeprefix("/")
    if folder:
        place = place.removesuffix("/")
        if not place:
            return ""
    if ".." in place.split("/"):
        raise InvalidRequest(
            "File should be accessed with their full path and not using relative '..' path.",
            where="path",
            mend="give the path from the root of the namespace, such as `/folder/file.txt`",
        )
    parts = checked_parts(place)
    if parts[0] == _FLOWS:
        raise InvalidRequest(
            f"Forbidden path: {given}", where="path", mend=f"`{_FLOWS}` is kept for the flows of an archive"
        )
    for part in parts:
        if len(part.encode()) > MOST_NAME_BYTES:
            raise InvalidRequest(
                f"The name `{part[:40]}…` is longer than {MOST_NAME_BYTES} bytes", where="path"
            )
    return place


def _folder(path: str, below: Sequence[StoredFile]) -> Entry:
    dates = [stored.changed_at for stored in below]
    return Entry(path, 0, min(dates, default=_EPOCH), max(dates, default=_EPOCH), is_folder=True)


class _History(msgspec.Struct, frozen=True):
    """What is kept of a file, oldest first, and the highest number that one of its versions ever had."""

    versions: tuple[Version, ...] = ()
    last_number: int = 0

    @classmethod
    def of(cls, prefix: str, stored: Sequence[StoredFile]) -> _History:
        """From what lies below a prefix; the names say it all."""
        versions, last = [], 0
        for each in stored:
            number, dash, written = each.uri.removeprefix(prefix).partition("-")
            if not dash or not number.isdigit():
                continue
            last = max(last, int(number))
            if written.isdigit():
                written_at = _EPOCH + timedelta(microseconds=int(written))
                versions.append(Version(int(number), each.uri, each.size, written_at))
        return cls(tuple(sorted(versions, key=lambda version: version.number)), last)

    def holds(self, stored: StoredFile) -> bool:
        """The present content is kept already: a replacement was broken off in the middle."""
        return bool(self.versions) and self.versions[-1].written_at == _whole(stored.changed_at)

    def first_date(self, present: datetime) -> datetime:
        """When the oldest version was written that is still there, the present one included."""
        return min(self.versions[0].written_at, present) if self.versions else present


_NEW = _History()


def _whole(instant: datetime) -> datetime:
    return _EPOCH + timedelta(microseconds=_micros(instant))


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
