"""Tasks on files of namespaces (triggers-and-stores spec A16)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from batuta.model.flow import FlowRevision
from batuta.model.state import State
from batuta.storage.namespace_files import NamespaceFiles
from batuta.store.batch import Batch

OWN = "company.team"


def task(name, **properties):
    return {"type": f"core.namespace.{name}", **properties}


def tree(shop, namespace=OWN):
    return NamespaceFiles(shop.ports.storage, namespace)


async def content(shop, path, namespace=OWN):
    return await shop.content(await tree(shop, namespace).uri(path))


async def test_stored_files_are_uploaded_by_name(shop):
    uri = await shop.put("x", "new")

    outcome = await shop.run(task("UploadFiles", filesMap={"path/x.txt": uri}, destination="/folder"))

    assert outcome.state is State.SUCCESS, await shop.log()
    assert outcome.outputs == {
        "files": {"/folder/path/x.txt": "kestra:///company/team/_files/folder/path/x.txt"}
    }
    assert await content(shop, "folder/path/x.txt") == b"new"


async def test_the_map_of_files_may_be_json_text(shop):
    uri = await shop.put("x", "new")

    await shop.run(task("UploadFiles", namespace="other", filesMap=json.dumps({"/x.txt": uri})))

    assert await content(shop, "x.txt", "other") == b"new"


async def test_files_of_a_working_directory_are_uploaded_by_globs(shop):
    outcome = await shop.run(
        {
            "type": "core.flow.WorkingDirectory",
            "inputFiles": {"a.txt": "1", "sub/b.txt": "2", "c.csv": "3"},
            "tasks": [{"id": "up", **task("UploadFiles", files=["glob:**.txt"])}],
        }
    )

    assert outcome.state is State.SUCCESS, await shop.log()
    assert await tree(shop).paths() == ["a.txt", "sub/b.txt"]


@pytest.mark.parametrize(
    ("conflict", "state", "kept"),
    [("OVERWRITE", State.SUCCESS, b"new"), ("SKIP", State.SUCCESS, b"old"), ("ERROR", State.FAILED, b"old")],
)
async def test_a_file_that_exists_is_replaced_kept_or_an_error(shop, conflict, state, kept):
    await tree(shop).put("x.txt", b"old")
    uri = await shop.put("x", "new")

    outcome = await shop.run(task("UploadFiles", filesMap={"x.txt": uri}, conflict=conflict))

    assert outcome.state is state
    assert await content(shop, "x.txt") == kept


async def test_an_upload_needs_files(shop):
    outcome = await shop.run(task("UploadFiles"))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR one of `files` or `filesMap` is needed")


async def test_files_are_copied_out_of_a_namespace(shop):
    for path in ("sql/a.sql", "sql/b.txt", "deep/sql/c.sql"):
        await tree(shop, "tutorial").put(path, path.encode())

    outcome = await shop.run(task("DownloadFiles", namespace="tutorial", files="**.sql"))

    files = outcome.outputs["files"]
    assert list(files) == ["/deep/sql/c.sql", "/sql/a.sql"]
    assert await shop.content(files["/sql/a.sql"]) == b"sql/a.sql"
    assert files["/sql/a.sql"].startswith("kestra:///company/team/nightly-load/executions/")
    assert ("downloaded", "counter", 2, {}) in await shop.metrics()


async def test_copies_may_get_a_folder_in_front(shop):
    await tree(shop).put("a.sql", b"")

    outcome = await shop.run(task("DownloadFiles", namespace=OWN, files=["/a.sql"], destination="x/"))

    assert list(outcome.outputs["files"]) == ["/x/a.sql"]


async def test_files_are_removed_by_globs(shop):
    for path in ("a.tmp", "b/c.tmp", "b/d.txt"):
        await tree(shop).put(path, b"")

    outcome = await shop.run(task("DeleteFiles", namespace=OWN, files=["**.tmp"]))

    assert outcome.state is State.SUCCESS
    assert await tree(shop).paths() == ["b/d.txt"]
    assert ("deleted", "counter", 2, {}) in await shop.metrics()


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize(("with_parents", "left"), [(True, []), (False, ["a/b"])])
async def test_folders_that_become_empty_go_with_the_files_if_wanted(shop, made, with_parents, left):
    if made:
        await tree(shop).make_folder("a/b")
    await tree(shop).put("a/b/c", b"")

    await shop.run(task("DeleteFiles", namespace=OWN, files="/a/b/c", deleteParentFolder=with_parents))

    assert await tree(shop).folders() == left


async def versions(shop, path, namespace=OWN):
    return [each.number for each in await tree(shop, namespace).versions(path)]


async def written(shop, *paths, namespace=OWN):
    for path in paths:
        for text in (b"1", b"2", b"3"):
            await tree(shop, namespace).put(path, text)


async def test_a_purge_leaves_the_newest_version_unless_told_otherwise(shop):
    await written(shop, "a.sql", "b.txt")

    first = await shop.run(
        task("PurgeFiles", filePattern="**/*.sql", behavior={"type": "version", "keepAmount": 2})
    )
    second = await shop.run(task("PurgeFiles"))

    assert first.outputs == {"size": 1}
    assert second.outputs == {"size": 3}
    assert await versions(shop, "a.sql") == await versions(shop, "b.txt") == [3]


async def test_a_purge_by_date_takes_a_rendered_instant(shop):
    await written(shop, "a")

    outcome = await shop.run(
        task("PurgeFiles", behavior={"type": "version", "before": "{{ now() | dateAdd(1, 'DAYS') }}"})
    )

    assert outcome.outputs == {"size": 2}


async def test_a_purge_reaches_the_namespaces_below_that_have_flows(shop):
    for namespace in ("company.team.below", "company.teams"):
        await written(shop, "a", namespace=namespace)
        await shop.ports.store.commit(
            Batch(
                flows=[
                    FlowRevision(
                        namespace=namespace, id="f", revision=1, source="", created_at=datetime.now(UTC)
                    )
                ]
            )
        )

    alone = await shop.run(task("PurgeFiles", namespaces=[OWN], includeChildNamespaces=False))
    below = await shop.run(task("PurgeFiles", namespaces=[OWN]))
    fitting = await shop.run(task("PurgeFiles", namespacePattern="company.t*s"))

    assert [each.outputs["size"] for each in (alone, below, fitting)] == [0, 2, 2]


@pytest.mark.parametrize(
    "properties",
    [
        {"behavior": {"type": "version"}},
        {"behavior": {"type": "key"}},
        {"namespaces": ["a"], "namespacePattern": "b"},
        {"namespaces": ["../a"]},
    ],
)
async def test_a_purge_that_makes_no_sense_fails(shop, properties):
    assert (await shop.run(task("PurgeFiles", **properties))).state is State.FAILED
