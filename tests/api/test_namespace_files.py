"""Files of namespaces over HTTP (API spec §15)."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest

BASE = "/namespaces/company.team/files"


async def write(api, path, content: bytes | str, *, name: str = "a", expect: int = 200):
    return await api.call(
        "POST", BASE, params={"path": path}, files={"fileContent": (name, content)}, expect=expect
    )


async def read(api, path, *, expect: int = 200, **query):
    return await api.call("GET", BASE, params={"path": path, **query}, expect=expect)


async def paths(api):
    return await api.call("GET", f"{BASE}/search", params={"q": ""})


async def test_a_file_is_written_read_described_and_removed(api):
    assert await write(api, "/scripts/a.py", "print(1)\n") == ""

    answer = await api.http.get(f"/api/v1{BASE}", params={"path": "/scripts/a.py"})
    assert (answer.content, answer.headers["content-type"]) == (b"print(1)\n", "application/octet-stream")
    about = await api.call("GET", f"{BASE}/stats", params={"path": "/scripts/a.py"})
    assert about | {"lastModifiedTime": 0, "creationTime": 0} == {
        "type": "File",
        "size": 9,
        "fileName": "a.py",
        "lastModifiedTime": 0,
        "creationTime": 0,
    }
    assert about["lastModifiedTime"] == about["creationTime"] > 1_700_000_000_000
    assert await api.call("DELETE", BASE, params={"path": "/scripts/a.py"}) == ""
    await read(api, "/scripts/a.py", expect=404)


async def test_a_folder_is_made_and_listed(api):
    await write(api, "scripts/a.py", "")
    await api.call("POST", f"{BASE}/directory", params={"path": "/empty"})

    root = await api.call("GET", f"{BASE}/directory", params={"path": "/"})
    inner = await api.call("GET", f"{BASE}/directory", params={"path": "/scripts"})

    assert [(each["type"], each["fileName"]) for each in root] == [
        ("Directory", "empty"),
        ("Directory", "scripts"),
    ]
    assert [(each["type"], each["fileName"]) for each in inner] == [("File", "a.py")]
    assert await api.call("GET", f"{BASE}/directory") == root
    await api.call("GET", f"{BASE}/directory", params={"path": "/none"}, expect=404)


async def test_an_unknown_namespace_has_an_empty_root(api):
    assert await api.call("GET", "/namespaces/no.such/files/directory") == []
    assert (await api.call("GET", "/namespaces/no.such/files/stats"))["fileName"] == "_files"
    assert await api.call("GET", "/namespaces/no.such/files/search", params={"q": ""}) == []


async def test_each_write_is_a_revision(api):
    await write(api, "/a.txt", "one")
    await write(api, "/a.txt", "two")

    assert await api.call("GET", f"{BASE}/revisions", params={"path": "/a.txt"}) == [
        {"revision": 1},
        {"revision": 2},
    ]
    assert await read(api, "/a.txt", revision=1) == "one"
    assert await read(api, "/a.txt") == "two"
    await read(api, "/a.txt", revision=3, expect=404)
    await api.call("GET", f"{BASE}/revisions", params={"path": "/none"}, expect=404)


async def test_files_and_folders_are_moved(api):
    await write(api, "/a/1", "one")

    await api.call("PUT", BASE, params={"from": "/a/1", "to": "/b/2"})
    await api.call("PUT", BASE, params={"from": "/b", "to": "/c"})

    assert await paths(api) == ["/c/2"]
    await api.call("PUT", BASE, params={"from": "/a/1", "to": "/d"}, expect=404)


async def test_a_search_needs_its_text(api):
    await write(api, "/file.txt", "")
    await write(api, "/File.txt", "")

    assert await api.call("GET", f"{BASE}/search", params={"q": "file"}) == ["/file.txt"]
    await api.call("GET", f"{BASE}/search", expect=400)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "../x", "a/../../x"])
async def test_a_path_upwards_is_refused_in_the_words_that_clients_know(api, path):
    problem = await read(api, path, expect=422)

    assert problem["message"] == (
        "Illegal argument: File should be accessed with their full path and not using relative '..' path."
    )


async def test_flows_are_not_files(api):
    problem = await write(api, "/_flows/x.yml", "id: x", expect=422)

    assert problem["message"] == "Illegal argument: Forbidden path: /_flows/x.yml"


async def test_the_root_cannot_be_removed(api):
    await write(api, "/a", "")

    await api.call("DELETE", BASE, params={"path": "/"}, expect=422)

    assert await paths(api) == ["/a"]


async def test_a_namespace_that_is_none_is_refused(api):
    for name in ("a..b", "a._files", "a%2F..%2Fb", "A%5Cb"):
        await api.call("GET", f"/namespaces/{name}/files/directory", expect=422)


# Archives


def archive(**members: bytes | str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return target.getvalue()


async def test_an_archive_is_unpacked_below_the_root(api):
    packed = archive(**{"a.txt": "1", "deep/er/b.txt": "2", "empty/": ""})

    await write(api, "/all.zip", packed, name="all.zip")

    assert await paths(api) == ["/a.txt", "/deep/er/b.txt"]
    assert (await api.call("GET", f"{BASE}/stats", params={"path": "/empty"}))["type"] == "Directory"


GOOD = """\
id: hello
namespace: from.elsewhere
tasks:
  - {id: a, type: io.kestra.plugin.core.log.Log, message: m}
"""


async def test_flows_of_an_archive_become_flows_of_the_namespace(api):
    await write(api, "/x", archive(**{"_flows/hello.yml": GOOD, "a.txt": "1"}), name="export.ZIP")

    stored = await api.call("GET", "/flows/company.team/hello")
    assert stored["namespace"] == "company.team"
    assert await paths(api) == ["/a.txt"]


async def test_a_wrong_flow_keeps_the_whole_archive_out(api):
    packed = archive(**{"a.txt": "1", "_flows/good.yml": GOOD, "_flows/wrong.yml": "id: wrong\n"})

    await write(api, "/x", packed, name="x.zip", expect=422)

    assert await paths(api) == []
    await api.call("GET", "/flows/company.team/hello", expect=404)


async def test_what_was_exported_can_be_imported(api):
    await write(api, "/a.txt", "1")
    await write(api, "/deep/b.bin", bytes(range(256)) * 5_000)
    await api.call("POST", f"{BASE}/directory", params={"path": "/empty"})
    answer = await api.http.get(f"/api/v1/main{BASE}/export")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert 'attachment; filename="company.team_files.zip"' in answer.headers["content-disposition"]

    await api.call(
        "POST",
        "/namespaces/copy/files",
        params={"path": "/"},
        files={"fileContent": ("x.zip", answer.content)},
    )

    again = (await api.http.get("/api/v1/main/namespaces/copy/files/export")).content
    with zipfile.ZipFile(io.BytesIO(again)) as packed:
        assert packed.namelist() == ["empty/", "a.txt", "deep/b.bin"]
        assert packed.read("deep/b.bin") == bytes(range(256)) * 5_000


def linked() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(entry, "/etc/passwd")
    return target.getvalue()


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        (b"no archive", "The archive cannot be read"),
        (archive(**{"ok": "1", "../evil": "x"}), "`..` is not the name"),
        (archive(**{"/etc/evil": "x"}), "it is absolute"),
        (archive(**{"a\\evil": "x"}), "backslash"),
        (archive(**{"_flows/../evil": "x"}), "`..` is not the name"),
        (linked(), "is a link or a device"),
        (archive(**{"ok": "1", "bomb": b"\0" * 30_000_000}), "unpacks to more than is read here"),
    ],
    ids=["none", "upwards", "absolute", "backslash", "flows", "link", "bomb"],
)
async def test_an_archive_that_cannot_be_trusted_leaves_nothing_behind(api, packed, reason):
    problem = await write(api, "/x", packed, name="x.zip", expect=422)

    assert reason in problem["detail"]
    assert await paths(api) == []


async def test_a_form_without_the_file_is_told_what_it_lacks(api):
    problem = await api.call("POST", BASE, params={"path": "/a"}, files={"other": ("a", b"")}, expect=422)

    assert "`fileContent`" in problem["detail"]


async def test_files_of_namespaces_are_seen_through_an_execution(hello):
    await write(hello, "/notes/a.txt", "line 1\nline 2\n")
    await hello.call(
        "POST", "/namespaces/other/files", params={"path": "/b"}, files={"fileContent": ("b", b"x")}
    )
    execution = await hello.run("company.team/hello")
    file = f"/executions/{execution['id']}/file"

    assert await hello.call("GET", file, params={"path": "nsfile:///notes/a.txt"}) == "line 1\nline 2\n"
    assert await hello.call("GET", file, params={"path": "nsfile://other/b"}) == "x"
    uri = "kestra:///company/team/_files/notes/a.txt"
    assert await hello.call("GET", f"{file}/metas", params={"path": uri}) == {"size": 14}
    shown = await hello.call("GET", f"{file}/preview", params={"path": uri, "maxRows": 1})
    assert (shown["type"], shown["content"], shown["truncated"]) == ("TEXT", "line 1", True)
    await hello.call("GET", file, params={"path": "nsfile:///../../x"}, expect=422)
    await hello.call("GET", file, params={"path": "nsfile:///none"}, expect=404)
    await hello.call("GET", file, params={"path": "kestra:///other/_kv/b"}, expect=422)


async def test_every_valid_name_is_a_namespace(api):
    assert await api.call("GET", "/namespaces/never.seen") == {"id": "never.seen", "deleted": False}
    await api.call("GET", "/namespaces/a..b", expect=422)
