"""Files of a namespace from the command line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.processes import Server, batuta, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture
def call(server: Server):
    def call(*arguments, code: int = 0) -> str:
        done = batuta("namespace", "files", *arguments, BATUTA_SERVER=server.url)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return call


def project(folder: Path) -> Path:
    for path, text in {
        "main.py": "print(1)",
        "sql/a.sql": "select 1",
        "sql/b.tmp": "",
        "build/out.txt": "",
        "archive.zip": "no archive at all",
        ".git/config": "",
        ".kestraignore": "*.tmp\nbuild/\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "passwd").symlink_to("/etc/passwd")
    return folder


def test_a_folder_is_uploaded_without_what_is_ignored(call, tmp_path: Path):
    call("put", "ns.up", project(tmp_path) / "main.py", "/old.py")
    call("put", "ns.up", tmp_path / "main.py", "/app/stale.py")

    told = call("update", "ns.up", tmp_path, "/app", "--delete")

    assert told.splitlines() == [
        "uploaded /app/archive.zip",
        "uploaded /app/main.py",
        "uploaded /app/sql/a.sql",
        "deleted /app/stale.py",
        "3 file(s) for namespace 'ns.up' successfully updated !",
    ]
    assert call("list", "ns.up", "--recursive").split() == [
        "/app/archive.zip",
        "/app/main.py",
        "/app/sql/a.sql",
        "/old.py",
    ]
    table = [line.split()[:2] for line in call("list", "ns.up", "/app").splitlines()]
    assert [row[0] for row in table] == ["NAME", "sql/", "archive.zip", "main.py"]


def test_a_file_is_put_printed_moved_and_removed(call, tmp_path: Path):
    (tmp_path / "a.txt").write_text("one")
    call("put", "ns.one", tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("two")
    call("put", "ns.one", tmp_path / "a.txt")

    assert call("get", "ns.one", "/a.txt") == "two"
    assert call("get", "ns.one", "/a.txt", "--revision", "1") == "one"
    assert call("revisions", "ns.one", "/a.txt") == "1\n2\n"
    assert call("move", "ns.one", "/a.txt", "/b/c.txt") == "moved /a.txt to /b/c.txt\n"
    assert call("search", "ns.one", "c.t") == "/b/c.txt\n"
    call("get", "ns.one", "/b/c.txt", tmp_path / "copy.txt")
    assert (tmp_path / "copy.txt").read_text() == "two"
    assert call("delete", "ns.one", "/b") == "deleted /b\n"
    assert "There is no file `/b/c.txt`" in call("get", "ns.one", "/b/c.txt", code=1)


def test_all_files_are_exported_and_imported(call, tmp_path: Path):
    call("update", "ns.from", project(tmp_path / "here"))

    call("export", "ns.from", tmp_path / "all.zip")
    call("import", "ns.to", tmp_path / "all.zip")

    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["archive.zip", "main.py", "sql/a.sql"]
    assert json.loads(call("list", "ns.to", "-r", "-o", "json")) == ["/archive.zip", "/main.py", "/sql/a.sql"]


def test_a_path_upwards_is_refused(call, tmp_path: Path):
    (tmp_path / "a").write_text("")

    assert "not using relative '..' path" in call("put", "ns.bad", tmp_path / "a", "/../../x", code=2)
