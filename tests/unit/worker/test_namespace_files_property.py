"""The property `namespaceFiles` (triggers-and-stores spec A16.2)."""

from __future__ import annotations

import pytest

from batuta.model.state import State
from batuta.storage.namespace_files import NamespaceFiles

LIST = "for f in $(find . -type f | sort); do echo $f $(cat $f); done"


@pytest.fixture
async def shop(shop):
    for namespace, files in {
        "company": {"shared.txt": "parent", "only.txt": "parent"},
        "company.team": {"shared.txt": "own", "sql/a.sql": "own", "sql/deep/b.sql": "own", "c.py": "own"},
    }.items():
        for path, content in files.items():
            await NamespaceFiles(shop.ports.storage, namespace).put(path, content.encode())
    return shop


async def loaded(shop, namespace_files, **more):
    outcome = await shop.run(
        {
            "type": "scripts.shell.Commands",
            "taskRunner": {"type": "io.kestra.plugin.core.runner.Process"},
            "commands": [LIST],
            "namespaceFiles": namespace_files,
            **more,
        },
        inputs={"off": False, "list": ["c.py"]},
    )
    lines = await shop.log()
    if outcome.state is State.FAILED:
        return lines
    return [line.removeprefix("INFO ./") for line in lines if line.startswith("INFO ./")]


OWN = ["c.py own", "shared.txt own", "sql/a.sql own", "sql/deep/b.sql own"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, OWN),
        ({"enabled": True}, OWN),
        ({"enabled": "{{ inputs.off }}"}, []),
        ({"include": ["a.sql"]}, ["sql/a.sql own"]),
        ({"include": ["sql/*.sql"]}, ["sql/a.sql own"]),
        ({"include": ["sql/**"]}, ["sql/a.sql own", "sql/deep/b.sql own"]),
        ({"include": ["**/*.sql"]}, ["sql/a.sql own", "sql/deep/b.sql own"]),
        ({"include": ["/c.py"]}, ["c.py own"]),
        ({"include": ["glob:**.py"]}, ["c.py own"]),
        ({"include": ["regex:/sql/[^/]*"]}, ["sql/a.sql own"]),
        ({"include": ["**.sql"], "exclude": ["/sql/deep/**"]}, ["sql/a.sql own"]),
        ({"exclude": ["sql/**"]}, ["c.py own", "shared.txt own"]),
        ({"include": "{{ inputs.list }}"}, ["c.py own"]),
    ],
)
async def test_patterns_choose_files(shop, asked, found):
    assert await loaded(shop, asked) == found


async def test_nothing_is_loaded_without_the_property(shop):
    assert await loaded(shop, None) == []


async def test_a_later_namespace_wins(shop):
    both = {"namespaces": ["company", "{{ flow.namespace }}"], "include": ["*.txt"]}

    assert await loaded(shop, both) == ["only.txt parent", "shared.txt own"]
    assert await loaded(shop, {**both, "ifExists": "IGNORE"}) == ["only.txt parent", "shared.txt parent"]


async def test_a_warning_keeps_what_is_there(shop):
    both = {"namespaces": ["company", "company.team"], "include": ["shared.txt"], "ifExists": "WARN"}

    assert await loaded(shop, both) == ["shared.txt parent"]
    assert [line for line in await shop.log() if line.startswith("WARN")] == [
        "WARN namespaceFiles: `shared.txt` exists already and is kept as it is"
    ]


async def test_a_path_that_exists_may_be_an_error(shop):
    both = {"namespaces": ["company", "company.team"], "include": ["shared.txt"], "ifExists": "FAIL"}

    assert (await loaded(shop, both))[-1].startswith("ERROR namespaceFiles: `shared.txt` exists already")


async def test_each_namespace_may_have_its_folder(shop):
    both = {"namespaces": ["company", "company.team"], "include": ["shared.txt"], "folderPerNamespace": True}

    assert await loaded(shop, both) == ["company.team/shared.txt own", "company/shared.txt parent"]


async def test_input_files_win_over_namespace_files(shop):
    assert await loaded(shop, {"include": ["c.py"]}, inputFiles={"c.py": "mine"}) == ["c.py mine"]


async def test_how_many_came_is_told(shop):
    await loaded(shop, {"enabled": True})

    assert ("namespacefiles.count", "counter", 4, {}) in await shop.metrics()
    assert "namespacefiles.duration" in [name for name, *_ in await shop.metrics()]
    assert "INFO Loaded 4 namespace files" in await shop.log()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"namespaces": ["a/b"]}, "namespaceFiles.namespaces: `a/b` is not a namespace"),
        (
            {"ifExists": "ASK", "namespaces": ["company", "company"]},
            "namespaceFiles.ifExists: must be one of",
        ),
        ({"include": ["{a"]}, "`{a`: `{` is not closed"),
    ],
)
async def test_what_makes_no_sense_is_told(shop, asked, reason):
    assert reason in (await loaded(shop, asked))[-1]
