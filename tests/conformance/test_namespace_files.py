"""Files of a namespace keep their versions, whatever storage holds them (stores spec §A16.1)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from batuta.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from batuta.storage import uris
from batuta.storage.namespace_files import NamespaceFiles, PurgeRule


@pytest.fixture
def files(storage):
    return NamespaceFiles(storage, "company.team")


async def content(storage, files, path, version=None) -> bytes:
    return await storage.read(await files.uri(path, version))


async def numbers(files, path) -> list[int]:
    return [version.number for version in await files.versions(path)]


async def test_a_file_is_at_its_uri_with_or_without_a_slash_in_front(storage, files):
    uri = await files.put("/sql/a.sql", b"select 1")

    assert uri == uris.namespace_file("company.team", "sql/a.sql")
    assert await content(storage, files, "sql/a.sql") == b"select 1"
    assert await files.paths() == ["sql/a.sql"]


async def test_every_write_is_a_version(storage, files):
    for text in (b"one", b"two", b"three"):
        await files.put("a", text)

    assert await numbers(files, "a") == [1, 2, 3]
    assert [await content(storage, files, "a", number) for number in (1, 2, 3)] == [b"one", b"two", b"three"]
    assert await content(storage, files, "a") == b"three"
    with pytest.raises(NotFound, match="has no version 4"):
        await files.uri("a", 4)


async def test_writes_at_the_same_time_are_versions_one_after_the_other(storage, files):
    await asyncio.gather(*(files.put("a", str(number).encode()) for number in range(8)))

    found = [await content(storage, files, "a", number) for number in await numbers(files, "a")]
    assert sorted(found) == [str(number).encode() for number in range(8)]


async def test_a_deleted_file_is_gone_but_its_versions_are_not(storage, files):
    await files.put("a", b"one")
    await files.put("a", b"two")

    assert await files.delete("a") == ["a"]

    assert await files.paths() == []
    with pytest.raises(NotFound):
        await files.uri("a")
    assert await content(storage, files, "a", 2) == b"two"
    await files.put("a", b"three")
    assert await numbers(files, "a") == [1, 2, 3]


async def test_a_replacement_that_broke_off_doubles_no_version(storage, files):
    await files.put("a", b"one")

    async def broken():
        yield b"tw"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await files.put("a", broken())

    assert await content(storage, files, "a") == b"one"
    await files.put("a", b"two")
    assert await numbers(files, "a") == [1, 2]


async def test_an_existing_file_is_kept_where_asked_for(files):
    await files.put("a", b"one", overwrite=False)

    with pytest.raises(AlreadyExists):
        await files.put("/a", b"two", overwrite=False)


async def test_folders_are_listed_before_files_and_hidden_things_are_not(files):
    for path in ("b.txt", "a.txt", "z/deep/1.txt", "z/2.txt"):
        await files.put(path, path.encode())
    await files.put("a.txt", b"again")
    await files.make_folder("/empty/")

    found = [(each.path, each.is_folder, each.size) for each in await files.children("/")]

    assert found == [("empty", True, 0), ("z", True, 0), ("a.txt", False, 5), ("b.txt", False, 5)]
    assert [each.name for each in await files.children("z")] == ["deep", "2.txt"]
    assert await files.children("empty") == []
    with pytest.raises(NotFound):
        await files.children("none")


async def test_the_root_of_an_unknown_namespace_is_an_empty_folder(files):
    assert await files.children() == []
    root = await files.find("/")
    assert root is not None
    assert root.is_folder


async def test_a_file_knows_when_it_was_first_written(files):
    await files.put("a", b"one")
    first = await files.find("a")
    await files.put("a", b"two")
    second = await files.find("a")

    assert first is not None
    assert second is not None
    assert first.created_at == first.changed_at
    assert abs(second.created_at - first.created_at) < timedelta(milliseconds=1)
    assert second.changed_at > first.changed_at


async def test_a_file_and_a_folder_cannot_share_a_path(files):
    await files.put("a", b"")
    await files.put("b/c", b"")

    for path in ("a/x", "b"):
        with pytest.raises(Conflict):
            await files.put(path, b"")
    for path in ("a", "a/x"):
        with pytest.raises(Conflict):
            await files.make_folder(path)
    assert await numbers(files, "a") == [1]


async def test_a_name_that_was_a_file_may_become_a_folder(files):
    await files.put("a", b"file")
    await files.delete("a")

    await files.put("a/b", b"inside")
    await files.put("a/b", b"inside again")

    assert await files.paths() == ["a/b"]
    assert await numbers(files, "a") == [1]


async def test_a_file_moves_with_its_versions(storage, files):
    await files.put("old/a", b"one")
    await files.put("old/a", b"two")

    await files.move("/old/a", "/new/b")

    assert await files.paths() == ["new/b"]
    assert await content(storage, files, "new/b", 1) == b"one"
    with pytest.raises(NotFound):
        await files.versions("old/a")


async def test_a_folder_moves_with_all_that_is_in_it(files):
    await files.put("old/a/1", b"")
    await files.put("older", b"")
    await files.make_folder("old/empty")

    await files.move("old", "new/name")

    assert await files.paths() == ["new/name/a/1", "older"]
    assert await files.folders() == ["new/name/empty"]


async def test_nothing_moves_onto_something_or_into_itself(files):
    await files.put("a/1", b"")
    await files.put("b", b"")

    with pytest.raises(Conflict):
        await files.move("a/1", "b")
    with pytest.raises(InvalidRequest):
        await files.move("a", "a/inner")
    with pytest.raises(NotFound):
        await files.move("none", "c")


async def test_a_folder_is_removed_with_all_that_is_in_it(files):
    for path in ("d/1", "d/e/2", "d2"):
        await files.put(path, b"")
    await files.make_folder("d/empty")

    assert await files.delete("/d") == ["d/1", "d/e/2"]

    assert await files.paths() == ["d2"]
    assert await files.folders() == []
    with pytest.raises(NotFound):
        await files.delete("d")


async def test_a_folder_made_on_purpose_stays_until_it_is_dropped(files):
    await files.make_folder("a/b")
    await files.put("a/b/c", b"")
    await files.delete("a/b/c")
    assert await files.folders() == ["a/b"]

    await files.drop_empty_folders("a/b/c")

    assert await files.folders() == []


async def test_a_search_looks_at_whole_paths_of_files(files):
    for path in ("file.txt", "folder/File.txt", "folder/b"):
        await files.put(path, b"")

    assert await files.search("file") == ["/file.txt"]
    assert await files.search("/folder") == ["/folder/File.txt", "/folder/b"]
    assert len(await files.search("")) == 3


async def test_a_purge_keeps_the_newest_versions_and_the_numbers(storage, files):
    for text in (b"1", b"2", b"3"):
        await files.put("a", text)
        await files.put("b.sql", text)

    assert await files.purge(PurgeRule(keep=2), lambda path: path.endswith(".sql")) == 1
    assert await files.purge(PurgeRule(keep=1), lambda path: path == "a") == 2

    assert await numbers(files, "a") == [3]
    assert await numbers(files, "b.sql") == [2, 3]
    await files.put("a", b"4")
    assert await numbers(files, "a") == [3, 4]
    assert await content(storage, files, "a") == b"4"


async def test_a_purge_removes_a_deleted_file_for_good(storage, files):
    await files.put("a", b"secret")
    await files.delete("a")

    assert await files.purge(PurgeRule(keep=1)) == 1

    assert await storage.list(uris.namespace_root("company.team")) == []


async def test_a_purge_by_date_spares_what_is_newer_and_what_is_present(files):
    await files.put("a", b"1")
    await files.put("a", b"2")
    now = datetime.now(UTC)

    assert await files.purge(PurgeRule(before=now - timedelta(hours=1))) == 0
    assert await files.purge(PurgeRule(before=now + timedelta(hours=1))) == 1
    assert await numbers(files, "a") == [2]


async def test_namespaces_do_not_see_each_other(storage, files):
    await files.put("a", b"")
    child = NamespaceFiles(storage, "company.team.child")

    await child.put("b", b"")

    assert await files.paths() == ["a"]
    assert await child.paths() == ["b"]


@pytest.mark.parametrize(
    "namespace", ["", "a..b", "../a", "a/b", "a._files", "a._file_versions.b", "-a", "a\0"]
)
def test_no_namespace_lies_in_the_files_of_another(storage, namespace):
    with pytest.raises(InvalidRequest):
        NamespaceFiles(storage, namespace)


@pytest.mark.parametrize(
    "path",
    ["", "/", "../x", "/a/../../x", "//a", "a//b", "a\\b", "a\0", "_flows/x.yml", "x" * 256, "%2e%2e/a"],
)
async def test_a_path_that_leads_elsewhere_is_refused(storage, files, path):
    with pytest.raises(InvalidRequest):
        await files.put(path, b"")
    assert await storage.list("kestra:///") == []
