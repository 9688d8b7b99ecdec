"""Files of a namespace (API spec §15; triggers-and-stores spec §A16.1)."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from litestar import Request, Response
from litestar.params import FromPath
from litestar.response import Stream

from batuta.errors import InvalidRequest, NotFound
from batuta.storage import archives
from batuta.storage.namespace_files import Entry, NamespaceFiles, checked_path
from batuta.web import forms, query, saving
from batuta.web.access import Action
from batuta.web.downloads import attachment
from batuta.web.routes import delete, get, nothing, post, put
from batuta.web.site import GivenSite, Site

Json = dict[str, Any]

ROOT_NAME = "_files"
"""What the root of a namespace's files is called."""
FLOWS_FOLDER = "_flows/"
"""Where an archive holds flows of the namespace."""
CHUNK_BYTES = 256 * 1024


def _files(site: Site, namespace: str, action: Action) -> NamespaceFiles:
    site.guard.must(action, namespace)
    return NamespaceFiles(site.ports.storage, namespace)


@get("/namespaces/{namespace:str}/files")
async def read(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> Stream:
    """The content of a file, or of one of its versions."""
    asked = query.of(request)
    files = _files(site, namespace, Action.READ)
    uri = await files.uri(asked.need("path"), asked.number("revision", least=1))
    return Stream(site.ports.storage.stream(uri), media_type="application/octet-stream")


@get("/namespaces/{namespace:str}/files/revisions")
async def revisions(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Numbers of the versions of a file, oldest first."""
    files = _files(site, namespace, Action.READ)
    return [{"revision": each.number} for each in await files.versions(query.of(request).need("path"))]


@get("/namespaces/{namespace:str}/files/stats")
async def stats(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> Json:
    """What is known of a file or folder."""
    path = query.of(request).text("path") or "/"
    found = await _files(site, namespace, Action.READ).find(path)
    if found is None:
        raise NotFound(f"There is no file or folder `{path}` in the namespace `{namespace}`")
    return attributes(found)


@get("/namespaces/{namespace:str}/files/directory")
async def children(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> list[Json]:
    """Files and folders directly below a folder."""
    files = _files(site, namespace, Action.READ)
    return [attributes(each) for each in await files.children(query.of(request).text("path") or "")]


@get("/namespaces/{namespace:str}/files/search")
async def search(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> list[str]:
    """Paths of files that hold a text; all of them for an empty one."""
    asked = query.of(request)
    if all(name != "q" for name, _ in asked.pairs):
        asked.need("q")
    return await _files(site, namespace, Action.READ).search(asked.text("q") or "")


@post("/namespaces/{namespace:str}/files/directory")
async def make_folder(
    request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Make a folder."""
    await _files(site, namespace, Action.UPDATE).make_folder(query.of(request).text("path") or "")
    return nothing()


@post("/namespaces/{namespace:str}/files")
async def write(
    request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Write a file; a zip archive is unpacked below the root instead."""
    files = _files(site, namespace, Action.UPDATE)
    path = query.of(request).need("path")
    checked_path(path, folder=True)
    with await forms.form(request) as form:
        upload = next((each for each in form.files if each.name == "fileContent"), None)
        if upload is not None and upload.filename.lower().endswith(".zip"):
            await _unpack(site, files, upload.source())
        elif upload is not None:
            await files.put(path, upload.source())
        else:
            text = dict(form.fields).get("fileContent")
            if text is None:
                raise forms.BadForm(
                    "the form lacks the part `fileContent`", mend="send the file in a part of this name"
                )
            await files.put(path, text.encode())
    return nothing()


async def _unpack(site: Site, files: NamespaceFiles, source: Path | bytes) -> None:
    """Store every member of an archive; those below `_flows/` are flows of the namespace."""
    with tempfile.TemporaryDirectory(prefix="batuta-unpack-") as folder:
        unpacked = await asyncio.to_thread(_unpacked, source, Path(folder))
        sources = [place for name, place in unpacked if place and name.startswith(FLOWS_FOLDER)]
        # All flows are read before the first one is stored.
        changes = [saving.read(saving.moved(await _text(place), files.namespace)) for place in sources]
        for change in changes:
            await saving.put(site, change)
        for name, place in unpacked:
            if name.startswith(FLOWS_FOLDER):
                continue
            if place is None:
                await files.make_folder(name)
            else:
                await files.put(name, place)


async def _text(place: Path) -> str:
    return forms.decoded(await asyncio.to_thread(place.read_bytes))


def _unpacked(source: Path | bytes, folder: Path) -> list[tuple[str, Path | None]]:
    """Name and local copy of each member, None for a folder. All are there, or the archive is refused."""
    found: list[tuple[str, Path | None]] = []
    with tempfile.TemporaryFile() as memory:
        archive: Path | IO[bytes] = memory
        if isinstance(source, Path):
            archive = source
        else:
            memory.write(source)
        for number, member in enumerate(archives.members(archive)):
            if member.name != FLOWS_FOLDER.rstrip("/") and not member.name.startswith(FLOWS_FOLDER):
                checked_path(member.name)
            elif member.is_folder or not member.name.endswith((".yml", ".yaml")):
                continue
            if member.is_folder:
                found.append((member.name, None))
                continue
            place = folder / str(number)
            with place.open("wb") as target:
                member.copy_to(target)
            found.append((member.name, place))
    return found


@put("/namespaces/{namespace:str}/files")
async def move(request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite) -> Response[bytes]:
    """Give a file or a folder another path."""
    asked = query.of(request)
    await _files(site, namespace, Action.UPDATE).move(asked.need("from"), asked.need("to"))
    return nothing()


@delete("/namespaces/{namespace:str}/files")
async def remove(
    request: Request[Any, Any, Any], namespace: FromPath[str], site: GivenSite
) -> Response[bytes]:
    """Remove a file, or a folder with everything in it."""
    path = query.of(request).need("path")
    if not checked_path(path, folder=True):
        raise InvalidRequest(
            "The root of a namespace cannot be removed", where="path", mend="remove what is in it"
        )
    await _files(site, namespace, Action.DELETE).delete(path)
    return nothing()


@get("/namespaces/{namespace:str}/files/export")
async def export(namespace: FromPath[str], site: GivenSite) -> Stream:
    """All files in a zip archive."""
    files = _files(site, namespace, Action.READ)
    archive = await _packed(site, files)
    return Stream(
        _content(archive),
        media_type="application/octet-stream",
        headers=attachment(f"{namespace}_files.zip"),
    )


async def _packed(site: Site, files: NamespaceFiles) -> IO[bytes]:
    """An archive in a temporary file, which goes when it is closed."""
    target = tempfile.TemporaryFile(prefix="batuta-export-")  # noqa: SIM115 - closed by whoever reads it
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for folder in await files.folders():
                archive.writestr(f"{folder}/", b"")
            for path in await files.paths():
                with archive.open(path, "w", force_zip64=True) as member:
                    async for chunk in site.ports.storage.stream(await files.uri(path)):
                        await asyncio.to_thread(member.write, chunk)
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target


async def _content(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk


def attributes(entry: Entry) -> Json:
    """A file or folder as the contract shows it."""
    return {
        "type": "Directory" if entry.is_folder else "File",
        "size": entry.size,
        "fileName": entry.name or ROOT_NAME,
        "lastModifiedTime": _millis(entry.changed_at),
        "creationTime": _millis(entry.created_at),
    }


def _millis(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


ROUTES = [read, revisions, stats, children, search, make_folder, write, move, remove, export]
