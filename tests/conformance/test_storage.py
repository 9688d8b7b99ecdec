"""Internal storage keeps files whole, under URIs, and inside its tree."""

from __future__ import annotations

import asyncio
import os
import resource
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from batuta.errors import Conflict, InvalidRequest, NotFound, OperatorError
from batuta.storage import uris

URI = uris.task_file("company.team", "hello_world", "e1", "first", "run1", "rows.csv")
PREFIX = uris.execution("company.team", "hello_world", "e1")


async def pieces(*parts: bytes):
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def content(storage, uri: str) -> bytes:
    return b"".join([chunk async for chunk in storage.stream(uri)])


async def test_a_file_comes_back_from_every_kind_of_source(storage, tmp_path):
    (tmp_path / "source").write_bytes(b"from a path")

    await storage.put(PREFIX + "a", b"from bytes")
    await storage.put(PREFIX + "b", tmp_path / "source")
    await storage.put(PREFIX + "c", pieces(b"from ", b"", b"a stream"))

    assert await storage.read(PREFIX + "a") == b"from bytes"
    assert await storage.read(PREFIX + "b") == b"from a path"
    assert await content(storage, PREFIX + "c") == b"from a stream"
    assert await storage.read(PREFIX + "c", 4) == b"from"


@pytest.mark.parametrize("octets", [b"", bytes(range(256)) * 5_000])
async def test_any_bytes_come_back_as_they_are(storage, tmp_path, octets):
    stored = await storage.put(URI, octets)
    await storage.fetch(URI, tmp_path / "new folder" / "copy")

    assert stored.size == len(octets)
    assert await content(storage, URI) == octets
    assert (tmp_path / "new folder" / "copy").read_bytes() == octets
    assert os.listdir(tmp_path / "new folder") == ["copy"]


async def test_size_and_age_are_known_without_reading(storage):
    written = await storage.put(URI, b"12345")

    assert await storage.stat(URI) == written
    assert (written.uri, written.size) == (URI, 5)
    assert abs(datetime.now(UTC) - written.changed_at) < timedelta(minutes=1)
    assert await storage.stat(PREFIX + "nothing") is None
    assert await storage.stat(URI.rpartition("/")[0]) is None


async def test_a_missing_file_is_not_found(storage, tmp_path):
    with pytest.raises(NotFound) as missing:
        await storage.read(URI)
    assert URI in str(missing.value)
    with pytest.raises(NotFound):
        await content(storage, URI)
    with pytest.raises(NotFound):
        await storage.fetch(URI, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert await storage.delete(URI) is False


async def test_a_file_is_replaced_as_a_whole(storage):
    await storage.put(URI, b"old" * 100_000)
    reached, gate = asyncio.Event(), asyncio.Event()

    async def slow():
        yield b"new" * 200_000
        reached.set()
        await gate.wait()
        yield b"!"

    writing = asyncio.create_task(storage.put(URI, slow()))
    await reached.wait()
    assert await storage.read(URI) == b"old" * 100_000
    gate.set()
    await writing

    assert await storage.read(URI) == b"new" * 200_000 + b"!"


async def test_a_source_that_fails_leaves_the_older_file_and_nothing_else(storage):
    await storage.put(URI, b"old")

    async def failing():
        yield b"new" * 200_000
        raise RuntimeError("the upload broke off")

    with pytest.raises(RuntimeError):
        await storage.put(URI, failing())

    assert await storage.read(URI) == b"old"
    assert [file.uri for file in await storage.list("kestra:///")] == [URI]


async def test_files_are_listed_below_a_prefix(storage):
    names = ["tasks/b", "tasks/a/x", "inputs/c", "inputs/ü +é.txt"]
    for name in names:
        await storage.put(PREFIX + name, name.encode())
    await storage.put("kestra:///company/team/other/executions/e2/x", b"")

    assert [file.uri for file in await storage.list(PREFIX)] == sorted(PREFIX + name for name in names)
    assert [file.uri for file in await storage.list(PREFIX + "tasks/a/")] == [PREFIX + "tasks/a/x"]
    assert len(await storage.list("kestra:///")) == 5
    assert await storage.list("kestra:///nothing/here/") == []
    with pytest.raises(InvalidRequest, match="end it with a slash"):
        await storage.list(PREFIX + "tasks")


async def test_files_are_deleted_one_by_one_or_below_a_prefix(storage):
    for name in ("tasks/a", "tasks/b/c", "inputs/d"):
        await storage.put(PREFIX + name, b"x")

    assert await storage.delete(PREFIX + "inputs/d") is True
    assert await storage.delete(PREFIX + "inputs/d") is False
    assert await storage.delete_below(PREFIX + "tasks/") == 2
    assert await storage.delete_below(PREFIX) == 0
    assert await storage.list("kestra:///") == []
    await storage.put(PREFIX + "tasks", b"the folder is gone")


async def test_a_name_is_a_file_or_a_folder(storage):
    await storage.put(PREFIX + "a/b", b"x")

    with pytest.raises(Conflict):
        await storage.put(PREFIX + "a", b"x")
    with pytest.raises(Conflict):
        await storage.put(PREFIX + "a/b/c", b"x")
    assert await storage.read(PREFIX + "a/b") == b"x"


async def test_very_long_names_do_not_collide(storage):
    for end in ("1.csv", "2.csv"):
        await storage.put(PREFIX + "ü" * 200 + end, end.encode())

    for end in ("1.csv", "2.csv"):
        assert await storage.read(PREFIX + "ü" * 200 + end) == end.encode()
    for file in await storage.list(PREFIX):
        assert file.uri.endswith(".csv")
        assert await storage.read(file.uri) in (b"1.csv", b"2.csv")


@pytest.mark.parametrize(
    "uri",
    [
        "kestra:///../secret",
        "kestra:///a/../../secret",
        "kestra:///a//b",
        "kestra:////etc/passwd",
        "kestra:///a/..%2f..%2fsecret",
        "kestra:///a\\..\\b",
        "kestra:///a/\0",
        "kestra:///",
        "kestra://host/a",
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://bucket/key",
        "",
    ],
)
async def test_a_uri_that_leads_elsewhere_is_refused(storage, tmp_path, uri):
    (tmp_path / "secret").write_text("x")
    for attempt in (
        storage.read(uri),
        storage.stat(uri),
        storage.delete(uri),
        storage.put(uri, b"x"),
        storage.fetch(uri, tmp_path / "copy"),
        content(storage, uri),
    ):
        with pytest.raises(InvalidRequest):
            await attempt
    assert (tmp_path / "secret").read_text() == "x"


async def test_writes_and_deletions_at_the_same_time_do_not_disturb_each_other(storage):
    async def one(number: int) -> None:
        for _ in range(10):
            await storage.put(f"{PREFIX}shared/{number}", b"x")
            assert await storage.delete(f"{PREFIX}shared/{number}")

    await asyncio.gather(*map(one, range(8)))


async def test_a_large_file_is_streamed_in_constant_memory(storage, tmp_path):
    block = os.urandom(1024 * 1024)

    async def source():
        for _ in range(64):
            yield block

    tracemalloc.start()
    await storage.put(URI, source())
    total = 0
    async for chunk in storage.stream(URI):
        total += len(chunk)
    await storage.fetch(URI, tmp_path / "copy")
    await storage.put(URI, tmp_path / "copy")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert total == 64 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


async def test_a_disk_that_refuses_is_one_clear_error_and_leaves_nothing(storage):
    await storage.put(URI, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OperatorError, match="internal storage"):
            await storage.put(URI, b"x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert await storage.read(URI) == b"old"
    assert len(await storage.list("kestra:///")) == 1
