"""Names that lead elsewhere are tried at every door: requests, tasks, expressions and archives.

Each door gets each name. Whatever it answers, nothing outside may be told, made, changed or removed.
"""

from __future__ import annotations

import io
import json
import os
import stat
import tarfile
import zipfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest

from batuta import ids
from batuta.errors import BatutaError
from batuta.model.execution import Execution
from batuta.model.state import History
from batuta.storage import archives, uris
from batuta.storage.namespace_files import NamespaceFiles
from batuta.store.batch import Batch
from batuta.web.app import create_app
from tests.support.workshop import Workshop, workshop

SECRET = "what nobody may be told"
OWN = "company.team"
OUTSIDE = "outside"
FOREIGN = "kestra:///foreign/flow/executions/e1/tasks/t/r/victim.txt"


class House:
    """A server in a folder, with things beside the folder that are none of its business."""

    def __init__(self, shop: Workshop, root: Path) -> None:
        self.shop = shop
        self.root = root
        self.execution_id = ""
        self._http: httpx.AsyncClient | None = None

    @property
    def victim(self) -> Path:
        return self.root / OUTSIDE / "victim.txt"

    @property
    def open(self) -> Path:
        """A folder of the machine that the operator has opened to flows."""
        return self.root / "data" / "open"

    def names(self) -> dict[str, str]:
        """Names that lead elsewhere, or would on some system, or after one more decoding."""
        up = "../" * 9
        inside = str(self.victim).lstrip("/")
        return {
            "upwards": f"{up}{inside}",
            "upwards after a folder": f"a/{up}{up}{inside}",
            "upwards to the neighbour": "../../../foreign/flow/executions/e1/tasks/t/r/victim.txt",
            "upwards by one": f"../{OUTSIDE}/victim.txt",
            "dots alone": "..",
            "a dot": ".",
            "dot segments": f"./././{up}{inside}",
            "dots at the end": "a/..",
            "absolute": str(self.victim),
            "absolute with two slashes": f"/{self.victim}",
            "a host": "//server/share/x",
            "a file's address": self.victim.as_uri(),
            "backslashes": f"{up}{inside}".replace("/", "\\"),
            "both separators": f"..\\..\\../{up}{inside}",
            "a drive": "C:/windows/x",
            "a drive with backslashes": "C:\\windows\\x",
            "a share": "\\\\server\\share\\x",
            "encoded": quote(f"{up}{inside}", safe=""),
            "encoded dots": f"%2e%2e/{up}{inside}".replace("..", "%2e%2e"),
            "encoded twice": quote(quote(f"{up}{inside}", safe=""), safe=""),
            "encoded backslashes": f"{up}{inside}".replace("/", "%5c"),
            "a NUL": f"{inside}\0.txt",
            "an encoded NUL": "a%00b",
            "a line end": "a\nb",
            "a device": "CON",
            "a device with a suffix": "folder/aux.txt",
            "a device with a digit": "COM1.log",
            "a dot that is dropped": "a./b",
            "very long": "x" * 5_000,
            "very deep": "a/" * 3_000 + "x",
            "a long part": "y" * 300,
            "wide dots and slashes": "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH SOLIDUS}" * 9
            + inside,
            "dot leaders": f"\N{ONE DOT LEADER}\N{ONE DOT LEADER}/\N{TWO DOT LEADER}/{inside}",
            "wide backslashes": "..\N{FULLWIDTH REVERSE SOLIDUS}..\N{FULLWIDTH REVERSE SOLIDUS}x",
            "half a character": "a\ud800",
            "through a link": "link/victim.txt",
        }

    def beside(self) -> dict[str, Any]:
        """Everything beside the server's own folder, and what it keeps for another namespace."""
        found: dict[str, Any] = {}
        for place in (self.root, self.root / "data" / "storage" / "main" / "foreign"):
            for folder, folders, names in os.walk(place):
                if Path(folder) == self.root:
                    folders.remove("data")
                found[folder] = None
                found |= {os.path.join(folder, name): Path(folder, name).read_bytes() for name in names}
        return found

    async def call(self, method: str, path: str, **request: Any) -> str:
        """Send a request. The web application is made for the first one: it takes a while."""
        if self._http is None:
            site = httpx.ASGITransport(app=create_app(self.shop.ports, self.shop.settings))
            self._http = httpx.AsyncClient(transport=site, base_url="http://batuta")
            await self.call("POST", "/flows", content=FLOW, headers={"content-type": "application/x-yaml"})
        answer = await self._http.request(method, f"/api/v1/main{path}", **request)
        assert answer.status_code < 500, answer.text
        return answer.text

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def task(self, kind: str, **properties: Any) -> str:
        """Run a task; its log, and the content of every file that it has stored."""
        outcome = await self.shop.run({"type": kind, **properties})
        told = [str(outcome.outputs), *await self.shop.log()]
        for uri in texts(outcome.outputs):
            with suppress(BatutaError):
                told.append((await self.shop.content(uri)).decode(errors="replace"))
        return "\n".join(told)

    async def value(self, template: str, **inputs: Any) -> str:
        outcome = await self.shop.run({"type": "core.debug.Return", "format": template}, inputs=inputs)
        return f"{outcome.outputs} {await self.shop.log()}"


def texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in texts(each)]
        case list():
            return [text for each in value for text in texts(each)]
    return []


@pytest.fixture
async def house(tmp_path: Path):
    async with workshop(tmp_path / "data", local_paths=str(tmp_path / "data" / "open")) as shop:
        house = House(shop, tmp_path)
        await furnish(house)
        yield house
        await house.close()


async def furnish(house: House) -> None:
    """A file beside, one of another namespace, one of our own, a link to outside, an execution."""
    ports = house.shop.ports
    house.victim.parent.mkdir()
    house.victim.write_text(SECRET)
    await ports.storage.put(FOREIGN, SECRET.encode())
    await NamespaceFiles(ports.storage, OWN).put("own.txt", b"own")
    (house.root / "data/storage/main/company/team/_files/link").symlink_to(house.victim.parent)
    house.open.mkdir()
    (house.open / "own.txt").write_text("own")
    (house.open / "link").symlink_to(house.victim.parent)
    now = ports.clock.now()
    execution = Execution(
        id=ids.random_id(),
        namespace=OWN,
        flow_id="f",
        revision=1,
        state=History.starting(now),
        original_id="o",
    )
    await ports.store.commit(Batch(executions={execution.id: execution}))
    house.execution_id = execution.id


FLOW = f"""
id: takes
namespace: {OWN}
inputs:
  - {{id: f, type: FILE}}
tasks:
  - {{id: t, type: io.kestra.plugin.core.log.Log, message: m}}
"""

Door = Callable[[House, str], Awaitable[str]]
DOORS: dict[str, Door] = {}


def door(title: str) -> Callable[[Door], Door]:
    def add(function: Door) -> Door:
        DOORS[title] = function
        return function

    return add


FILES = f"/namespaces/{OWN}/files"


def request(title: str, method: str, path: str, parameter: str, **more: Any) -> None:
    """A door that takes the name from the query string."""

    @door(title)
    async def knock(house: House, name: str) -> str:
        given = name.encode(errors="surrogatepass")
        query = "&".join(f"{key}={quote(value)}" for key, value in more.get("params", {}).items())
        rest = {key: value for key, value in more.items() if key != "params"}
        place = path.format(execution=house.execution_id)
        return await house.call(method, f"{place}?{parameter}={quote(given, safe='')}&{query}", **rest)


CONTENT = {"fileContent": ("a.txt", b"new")}
request("GET files", "GET", FILES, "path")
request("GET files, a revision", "GET", FILES, "path", params={"revision": "1"})
request("POST files", "POST", FILES, "path", files=CONTENT)
request("POST files, an archive", "POST", FILES, "path", files={"fileContent": ("a.zip", b"")})
request("PUT files, from", "PUT", FILES, "from", params={"to": "/moved"})
request("PUT files, to", "PUT", FILES, "to", params={"from": "/own.txt"})
request("DELETE files", "DELETE", FILES, "path")
request("GET directory", "GET", f"{FILES}/directory", "path")
request("POST directory", "POST", f"{FILES}/directory", "path")
request("GET stats", "GET", f"{FILES}/stats", "path")
request("GET revisions", "GET", f"{FILES}/revisions", "path")
request("GET search", "GET", f"{FILES}/search", "q")
request("GET execution file", "GET", "/executions/{execution}/file", "path")
request("GET execution file metas", "GET", "/executions/{execution}/file/metas", "path")
request("GET execution file preview", "GET", "/executions/{execution}/file/preview", "path")


@door("a namespace in the path of a request")
async def _(house: House, name: str) -> str:
    place = f"/namespaces/{quote(name.encode(errors='surrogatepass'), safe='')}/files"
    told = await house.call("POST", place, params={"path": "/x"}, files=CONTENT)
    told += await house.call("GET", f"{place}/directory")
    return told + await house.call("GET", place, params={"path": "/victim.txt"})


DASHBOARD = "title: All\ncharts: []\n"
CASE = "{id: c, type: io.kestra.core.tests.flow.UnitTest}"
SUITE = f"id: s\nnamespace: {OWN}\nflowId: f\ntestCases: [{CASE}]"

YAML = {"content-type": "application/x-yaml"}


@door("the id of a dashboard")
async def _(house: House, name: str) -> str:
    place = f"/dashboards/{quote(name.encode(errors='surrogatepass'), safe='')}"
    told = await house.call("GET", place)
    told += await house.call("PUT", place, content=DASHBOARD, headers=YAML)
    told += await house.call("POST", f"{place}/charts/a")
    source = f"id: {json.dumps(name)}\n{DASHBOARD}".encode(errors="replace")
    told += await house.call("POST", "/dashboards", content=source, headers=YAML)
    return told + await house.call("DELETE", place)


@door("the name of a test suite")
async def _(house: House, name: str) -> str:
    given = quote(name.encode(errors="surrogatepass"), safe="")
    told = ""
    for place in (f"/tests/{OWN}/{given}", f"/tests/{given}/s"):
        told += await house.call("GET", place)
        told += await house.call("PUT", place, content=SUITE, headers=YAML)
        told += await house.call("DELETE", place)
    return told


@door("a URI below the files of an execution")
async def _(house: House, name: str) -> str:
    prefix = uris.execution(OWN, "f", house.execution_id)
    given = quote(f"{prefix}{name}".encode(errors="surrogatepass"), safe="")
    return await house.call("GET", f"/executions/{house.execution_id}/file?path={given}")


@door("the name of an uploaded input file")
async def _(house: House, name: str) -> str:
    files = {"f": (name.encode(errors="replace").decode(), b"content")}
    return await house.call("POST", f"/executions/{OWN}/takes", files=files)


@door("the name of a part of a form")
async def _(house: House, name: str) -> str:
    files = {"fileContent": (name.encode(errors="replace").decode() + ".zip", packed({"ok": b"1"}))}
    return await house.call("POST", FILES, params={"path": "/x"}, files=files)


def packed(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo("x")
            # `ZipInfo` cuts names at a NUL, which a hostile archive would not.
            entry.filename = entry.orig_filename = name.encode(errors="replace").decode()
            archive.writestr(entry, content)
    return target.getvalue()


@door("a member of an archive of namespace files")
async def _(house: House, name: str) -> str:
    files = {"fileContent": ("a.zip", packed({"first": b"1", name: b"new"}))}
    return await house.call("POST", FILES, params={"path": "/"}, files=files)


@door("a flow in an archive of namespace files")
async def _(house: House, name: str) -> str:
    files = {"fileContent": ("a.zip", packed({f"_flows/{name}.yml": FLOW.encode()}))}
    return await house.call("POST", FILES, params={"path": "/"}, files=files)


@door("a link in an archive of namespace files")
async def _(house: House, name: str) -> str:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        entry = zipfile.ZipInfo("innocent")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, name.encode(errors="replace"))
    return await house.call(
        "POST", FILES, params={"path": "/"}, files={"fileContent": ("a.zip", target.getvalue())}
    )


@door("a member of an archive of flows")
async def _(house: House, name: str) -> str:
    files = {"fileUpload": ("a.zip", packed({f"{name}.yml": FLOW.encode()}))}
    return await house.call("POST", "/flows/import", files=files)


@door("ids in the path of a request")
async def _(house: House, name: str) -> str:
    given = quote(name.encode(errors="surrogatepass"), safe="")
    told = await house.call("GET", f"/flows/{OWN}/{given}")
    told += await house.call("GET", f"/flows/{given}/takes")
    told += await house.call("POST", f"/executions/{OWN}/{given}", files={"f": ("a", b"new")})
    told += await house.call("GET", f"/executions/{given}/file", params={"path": FOREIGN})
    return told + await house.call("DELETE", f"/executions/{given}", params={"deleteStorage": "true"})


def as_json(document: Any) -> dict[str, Any]:
    return {"content": json.dumps(document), "headers": {"content-type": "application/json"}}


@door("the names in a flow")
async def _(house: House, name: str) -> str:
    told = ""
    for key in ("id", "namespace"):
        flow = {"id": "x", "namespace": OWN, "inputs": [{"id": "f", "type": "FILE"}]} | {key: name}
        task = {"id": "t", "type": "io.kestra.plugin.core.log.Log", "message": "m"}
        told += await house.call("POST", "/flows", **as_json({**flow, "tasks": [task]}))
    for key in ("id", "extension"):
        declared = {"id": "f", "type": "FILE"} | {key: name}
        flow = {"id": "extended", "namespace": OWN, "inputs": [declared]}
        task = {"id": "t", "type": "io.kestra.plugin.core.log.Log", "message": "m"}
        told += await house.call("POST", "/flows", **as_json({**flow, "tasks": [task]}))
        told += await house.call("POST", f"/executions/{OWN}/extended", files={"f": ("a.txt", b"new")})
    return told


@door("the key of a key-value entry")
async def _(house: House, name: str) -> str:
    key = quote(name.encode(errors="surrogatepass"), safe="")
    return await house.call("PUT", f"/namespaces/{OWN}/kv/{key}", content=b"1")


# Tasks. Names that are no text which JSON can hold never come so far.


def run(title: str, kind: str, make: Callable[[str], dict[str, Any]]) -> None:
    @door(title)
    async def knock(house: House, name: str) -> str:
        return await house.task(kind, **make(name))


SHELL = "io.kestra.plugin.scripts.shell.Commands"
HERE = {"taskRunner": {"type": "io.kestra.plugin.core.runner.Process"}, "commands": ["true"]}
run("inputFiles, name", SHELL, lambda name: {**HERE, "inputFiles": {name: "new"}})
run("inputFiles, value", SHELL, lambda name: {**HERE, "inputFiles": {"a": name}, "outputFiles": ["a"]})
run(
    "inputFiles, URI",
    SHELL,
    lambda name: {**HERE, "inputFiles": {"a": f"nsfile:///{name}"}, "outputFiles": ["a"]},
)
run("outputFiles", SHELL, lambda name: {**HERE, "outputFiles": [name]})
run("namespaceFiles, namespaces", SHELL, lambda name: {**HERE, "namespaceFiles": {"namespaces": [name]}})
run(
    "namespaceFiles, include",
    SHELL,
    lambda name: {**HERE, "namespaceFiles": {"include": [name]}, "outputFiles": ["**"]},
)
run(
    "outputDirs of older scripts",
    "core.tasks.scripts.Bash",
    lambda name: {"outputDirs": [name], "commands": ["true"]},
)
run(
    "outputFiles of older scripts",
    "core.tasks.scripts.Bash",
    lambda name: {"outputFiles": [name], "commands": ["true"]},
)
run("LocalFiles, inputs", "core.storage.LocalFiles", lambda name: {"inputs": {name: "new"}})
run("LocalFiles, outputs", "core.storage.LocalFiles", lambda name: {"outputs": [name]})
run("Concat, files", "core.storage.Concat", lambda name: {"files": [name]})
run("Concat, extension", "core.storage.Concat", lambda name: {"files": ["own.txt"], "extension": f"/{name}"})
run("Write, extension", "core.storage.Write", lambda name: {"content": "new", "extension": f"/{name}"})
run("Size", "core.storage.Size", lambda name: {"uri": name})
run("Delete", "core.storage.Delete", lambda name: {"uri": name})
run("Delete, URI", "core.storage.Delete", lambda name: {"uri": f"kestra:///company/team/{name}"})
run("Split", "core.storage.Split", lambda name: {"from": name, "rows": 1})
run("Reverse", "core.storage.Reverse", lambda name: {"from": name})
run(
    "UploadFiles, namespace",
    "core.namespace.UploadFiles",
    lambda name: {"namespace": name, "filesMap": {"victim.txt": "own.txt"}},
)
run(
    "UploadFiles, destination",
    "core.namespace.UploadFiles",
    lambda name: {"destination": name, "filesMap": {"victim.txt": "own.txt"}},
)
run("UploadFiles, name", "core.namespace.UploadFiles", lambda name: {"filesMap": {name: "own.txt"}})
run("UploadFiles, source", "core.namespace.UploadFiles", lambda name: {"filesMap": {"copy": name}})
run("UploadFiles, files", "core.namespace.UploadFiles", lambda name: {"files": [name]})
run(
    "DownloadFiles, namespace",
    "core.namespace.DownloadFiles",
    lambda name: {"namespace": name, "files": "**"},
)
run("DownloadFiles, files", "core.namespace.DownloadFiles", lambda name: {"namespace": OWN, "files": [name]})
run(
    "DownloadFiles, destination",
    "core.namespace.DownloadFiles",
    lambda name: {"namespace": OWN, "files": "own.txt", "destination": name},
)
run(
    "DeleteFiles",
    "core.namespace.DeleteFiles",
    lambda name: {"namespace": OWN, "files": [name], "deleteParentFolder": True},
)
run("PurgeFiles, namespaces", "core.namespace.PurgeFiles", lambda name: {"namespaces": [name]})
run("PurgeFiles, filePattern", "core.namespace.PurgeFiles", lambda name: {"filePattern": name})
run("state name", "core.state.Set", lambda name: {"name": name, "data": {"a": 1}})
run("key of kv.Set", "core.kv.Set", lambda name: {"key": name, "value": "new"})


def local(title: str, kind: str, make: Callable[[str, str], dict[str, Any]]) -> None:
    """A door to the folder that is open: the path of a file in it, and one that shall not be in it."""

    @door(f"fs.local.{kind}, {title}")
    async def knock(house: House, name: str) -> str:
        return await house.task(f"fs.local.{kind}", **make(f"{house.open}/own.txt", f"{house.open}/{name}"))


local("from", "List", lambda own, path: {"from": path, "recursive": True})
local("from", "Download", lambda own, path: {"from": path})
local("from", "Downloads", lambda own, path: {"from": path, "recursive": True})
local("to", "Upload", lambda own, path: {"from": "nsfile:///own.txt", "to": path})
local("from", "Copy", lambda own, path: {"from": path, "to": f"{own}.copy", "overwrite": True})
local("to", "Copy", lambda own, path: {"from": own, "to": path, "overwrite": True})
local("to", "Move", lambda own, path: {"from": own, "to": path, "overwrite": True})
local("from", "Delete", lambda own, path: {"from": path, "recursive": True})


@door("inputFiles of a WorkingDirectory, through a link that a child has made")
async def _(house: House, name: str) -> str:
    return await house.task(
        "core.flow.WorkingDirectory",
        outputFiles=["**"],
        tasks=[
            {"id": "link", "type": SHELL, **HERE, "commands": [f"ln -s {house.victim.parent} link"]},
            {
                "id": "use",
                "type": SHELL,
                **HERE,
                "inputFiles": {name: "new"},
                "outputFiles": [name, "link/*"],
            },
        ],
    )


@door("an archive in the cache of a WorkingDirectory")
async def _(house: House, name: str) -> str:
    uri = uris.cache(OWN, "nightly_load", "t")
    await house.shop.ports.storage.put(uri, packed({name: b"new"}))
    return await house.task("core.flow.WorkingDirectory", cache={"patterns": ["**"]}, tasks=[])


# Expressions


def expression(title: str, template: str) -> None:
    @door(title)
    async def knock(house: House, name: str) -> str:
        return await house.value(template, name=name)


for function in ("read", "fileSize", "fileExists", "isFileEmpty"):
    expression(f"{function}()", f"{{{{ {function}(inputs.name) }}}}")
    expression(f"{function}(), namespace", f"{{{{ {function}('victim.txt', inputs.name) }}}}")
    expression(f"{function}(), URI", f"{{{{ {function}('kestra:///company/team/' ~ inputs.name) }}}}")
    expression(f"{function}(), version", f"{{{{ {function}(inputs.name, version=1) }}}}")
expression("fileURI()", "{{ read(fileURI(inputs.name)) }}")
expression("fileURI(), namespace", "{{ read(fileURI('victim.txt', inputs.name)) }}")


# Below the doors: the walls themselves


@door("internal storage")
async def _(house: House, name: str) -> str:
    storage = house.shop.ports.storage
    told = []
    for uri in (f"kestra:///company/team/{name}", f"kestra:///{name}"):
        for act in (
            storage.put(uri, b"new"),
            storage.read(uri),
            storage.delete(uri),
            storage.delete_below(f"{uri}/"),
        ):
            try:
                told.append(str(await act))
            except BatutaError as error:
                told.append(str(error))
    return "\n".join(told)


@door("any archive")
async def _(house: House, name: str) -> str:
    try:
        return str([member.name for member in archives.members(io.BytesIO(packed({name: b"new"})))])
    except BatutaError as error:
        return str(error)


@door("the files that come back from a container")
async def _(house: House, name: str) -> str:
    from batuta.plugins.scripts.container import _unpacked

    folder = house.root / "data" / "job"
    folder.mkdir(exist_ok=True)
    archive = house.root / "data" / "files.tar"
    with tarfile.open(archive, "w") as target:
        entry = tarfile.TarInfo(f"job/{name}".encode(errors="replace").decode())
        entry.size = 3
        target.addfile(entry, io.BytesIO(b"new"))
        link = tarfile.TarInfo("job/way")
        link.type, link.linkname = tarfile.SYMTYPE, str(house.victim.parent)
        target.addfile(link)
    try:
        _unpacked(archive, folder)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize("title", list(DOORS))
async def test_no_name_leads_elsewhere(house: House, title: str):
    before = house.beside()
    names = house.names()

    for kind, name in names.items():
        told = await DOORS[title](house, name)

        assert SECRET not in told, f"{title}, {kind}: the content of another file was told"
        assert json.dumps(SECRET) not in told
        after = house.beside()
        assert after == before, f"{title}, {kind}: something beside was changed"


def test_the_names_are_more_than_wishes(tmp_path: Path):
    """Joined by hand, names would lead out: the test would notice."""
    house = House(cast(Workshop, None), tmp_path)
    house.victim.parent.mkdir()
    house.victim.write_text(SECRET)
    folder = tmp_path / "data" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(house.victim.parent)

    reached = []
    for kind, name in house.names().items():
        try:
            if (folder / name).read_text() == SECRET:
                reached.append(kind)
        except (OSError, ValueError):
            continue

    assert {"upwards", "absolute", "dot segments", "through a link"} <= set(reached)
