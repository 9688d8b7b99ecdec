"""Files of the machine: tasks, and the trigger for what arrives."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from batuta.model.state import State
from batuta.plugins.fs.local.listing import Entry
from batuta.plugins.fs.local.realtime import Watch
from tests.plugins.messaging.conftest import Program, program_in
from tests.support.workshop import workshop

LOCAL = "io.kestra.plugin.fs.local."
TRIGGER = "fs.local.Trigger"


@pytest.fixture
def folder(tmp_path):
    """A folder that is open to flows."""
    folder = tmp_path / "open"
    folder.mkdir()
    return folder


@pytest.fixture
async def program(tmp_path, folder):
    async with program_in(tmp_path / "data", local_paths=str(folder)) as program:
        yield program


@pytest.fixture
async def shop(tmp_path, folder):
    async with workshop(tmp_path, local_paths=str(folder)) as shop:
        yield shop


def arrivals(folder, **more):
    lines = [f"from: {folder}/in", "interval: PT1S"]
    return "\n".join(lines + [f"{name}: {value}" for name, value in more.items()])


async def looked(program: Program, times: int = 1):
    """Wait for so many further looks."""
    for _ in range(times):
        before = await program.record()
        last = None if before is None else before.evaluated_at

        async def again(last=last):
            record = await program.record()
            return record is not None and record.evaluated_at not in (None, last)

        await program.until(again)


async def test_files_that_are_there_and_files_that_come_start_the_flow_once(program, folder):
    (folder / "in").mkdir()
    (folder / "in/a.csv").write_text("a")
    (folder / "in/b.txt").write_text("b")
    await program.save(arrivals(folder, regExp="'.*[.]csv'"), TRIGGER)
    [first] = await program.executions(1)
    [file] = first.trigger.variables["files"]
    assert (file["name"], file["changeType"], file["size"]) == ("a.csv", "CREATE", 1)
    assert file["file"]["path"] == file["path"]
    assert await program.ports.storage.read(file["path"]) == b"a"

    (folder / "in/a.csv").write_text("changed")
    (folder / "in/c.csv").write_text("c")
    found = await program.until(lambda: files_of(program, 3))
    assert sorted(each[:2] for each in found) == [
        ("a.csv", "CREATE"), ("a.csv", "UPDATE"), ("c.csv", "CREATE"),
    ]  # fmt: skip
    await looked(program, 2)
    assert len(await files_of(program, 3)) == 3


async def files_of(program, count):
    found = [
        (file["name"], file["changeType"])
        for each in await program.present()
        for file in each.trigger.variables["files"]
    ]
    return found if len(found) >= count else None


async def test_done_files_are_moved_after_the_execution_exists(program, folder):
    (folder / "in/deep").mkdir(parents=True)
    (folder / "in/deep/a.csv").write_text("a")
    given = arrivals(folder, action="MOVE", moveDirectory=f"{folder}/done", recursive="true")
    await program.save(given, TRIGGER)
    await program.executions(1)

    async def is_moved():
        return (folder / "done/a.csv").exists() and not (folder / "in/deep/a.csv").exists()

    await program.until(is_moved)
    await looked(program, 2)
    (folder / "in/deep/a.csv").write_text("a")  # the same once more is another file
    await program.executions(2)


async def test_a_file_whose_action_failed_is_not_taken_twice(tmp_path, folder, monkeypatch):
    from batuta.plugins.fs.local.trigger import Trigger

    act = Trigger._act

    def fails(self, entries, target):
        raise OSError("the process dies here")

    (folder / "in").mkdir()
    (folder / "in/a.csv").write_text("a")
    monkeypatch.setattr(Trigger, "_act", fails)
    async with program_in(tmp_path / "data", local_paths=str(folder)) as first:
        await first.save(arrivals(folder, action="DELETE"), TRIGGER)
        await first.executions(1)
    monkeypatch.setattr(Trigger, "_act", act)
    assert (folder / "in/a.csv").exists()
    async with program_in(tmp_path / "data", local_paths=str(folder)) as second:

        async def is_gone():
            return not (folder / "in/a.csv").exists()

        await second.until(is_gone)
        assert len(await second.present()) == 1


async def test_more_files_than_wanted_at_once_are_taken_by_later_looks(program, folder):
    (folder / "in").mkdir()
    for name in "abcde":
        (folder / f"in/{name}").write_text(name)
    await program.save(arrivals(folder, maxFiles=2), TRIGGER)
    found = await program.executions(3)
    assert [len(each.trigger.variables["files"]) for each in found] == [2, 2, 1]


async def test_only_the_changes_that_are_asked_for_start_the_flow(program, folder):
    (folder / "in").mkdir()
    (folder / "in/a").write_text("a")
    await program.save(arrivals(folder, on="UPDATE"), TRIGGER)
    await looked(program, 2)
    assert await program.present() == []
    (folder / "in/a").write_text("changed")
    await program.executions(1)


async def test_a_folder_that_is_missing_makes_the_trigger_wait(program, folder):
    await program.save(arrivals(folder), TRIGGER)
    assert "there is no folder" in (await program.waiting()).problem
    (folder / "in").mkdir()
    (folder / "in/a").write_text("a")
    await program.executions(1)
    assert (await program.record()).failing_since is None


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "{open}/../secret", "{open}/link/x", "relative", "{open}-not/x"]
)
async def test_what_is_not_open_cannot_be_read(shop, tmp_path, folder, path):
    (tmp_path / "secret").write_text("s")
    (folder / "link").symlink_to("/etc")
    outcome = await shop.run({"type": LOCAL + "Download", "from": path.format(open=folder)})
    assert outcome.state is State.FAILED
    [line] = await shop.log()
    assert "may not be used" in line or "no absolute path" in line


async def test_the_tasks_on_files(shop, folder):
    uri = await shop.put("x.csv", "1,2")
    up = await shop.run({"type": LOCAL + "Upload", "from": uri, "to": f"{folder}/a/x.csv"})
    assert up.outputs == {"uri": f"file://{folder}/a/x.csv", "size": 3}
    await shop.run({"type": LOCAL + "Copy", "from": f"{folder}/a/x.csv", "to": f"{folder}/a/y.csv"})
    again = await shop.run({"type": LOCAL + "Copy", "from": f"{folder}/a/x.csv", "to": f"{folder}/a/y.csv"})
    assert again.state is State.FAILED
    await shop.run({"type": LOCAL + "Move", "from": f"{folder}/a/y.csv", "to": f"{folder}/b/"})
    listed = await shop.run(
        {"type": LOCAL + "List", "from": str(folder), "recursive": True, "regExp": ".*csv"}
    )
    assert listed.outputs["count"] == 2
    assert {each["name"] for each in listed.outputs["files"]} == {"x.csv", "y.csv"}
    down = await shop.run({"type": LOCAL + "Download", "from": f"{folder}/a/x.csv"})
    assert await shop.content(down.outputs["uri"]) == b"1,2"
    many = await shop.run({"type": LOCAL + "Downloads", "from": f"{folder}/b", "action": "DELETE"})
    assert list(many.outputs["outputFiles"]) == ["y.csv"]
    gone = await shop.run({"type": LOCAL + "Delete", "from": f"{folder}/a"})
    assert gone.outputs == {"uri": f"file://{folder}/a", "deleted": True}
    assert not (folder / "a").exists()


def test_seen_files_can_be_forgotten_after_a_time():
    from datetime import UTC, datetime

    from batuta.plugins.fs.local.trigger import _known

    now = datetime(2026, 1, 2, tzinfo=UTC)
    recalled = {
        "old": {"version": "1", "at": "2026-01-01T00:00:00+00:00"},
        "new": {"version": "1", "at": "2026-01-01T23:00:00+00:00"},
    }
    assert list(_known(recalled, now - timedelta(hours=2))) == ["new"]
    assert list(_known(recalled, None)) == ["old", "new"]
    assert _known("something else", None) == {}


# Realtime


REALTIME = "fs.local.RealtimeTrigger"


async def watching(program: Program, folder, *lines: str) -> None:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in/old.csv").write_text("was there before")
    await program.save("\n".join([f"from: {folder}/in", *lines]), REALTIME)
    await program.listening()


async def test_each_file_that_is_made_or_changed_starts_an_execution(program, folder):
    await watching(program, folder, "regExp: '.*[.]csv'")

    (folder / "in/a.csv").write_text("a")
    (folder / "in/a.txt").write_text("no")
    [made] = await program.executions(1)
    (folder / "in/a.csv").write_text("a longer text")
    _, changed = await program.executions(2)

    assert made.trigger.variables["changeType"] == "CREATE"
    assert made.trigger.variables["file"]["localPath"] == f"{folder}/in/a.csv"
    assert changed.trigger.variables["changeType"] == "UPDATE"
    assert changed.trigger.variables["file"]["size"] == 13


async def test_files_that_are_deleted_start_executions_where_that_is_asked_for(program, folder):
    await watching(program, folder, "on: DELETE", "recursive: true")

    (folder / "in/below").mkdir()
    (folder / "in/below/new.csv").write_text("x")
    (folder / "in/old.csv").unlink()

    [gone] = await program.executions(1)
    assert gone.trigger.variables["changeType"] == "DELETE"
    assert gone.trigger.variables["file"]["name"] == "old.csv"


def entry(name: str, size: int) -> Entry:
    return Entry(Path(name), mtime_ns=size, ctime_ns=size, size=size, inode=1, is_folder=False)


def test_a_file_has_changed_once_it_is_at_rest():
    looks = [1, 2, 3, 3, 3, None, 4]
    watch = Watch({Path("f"): entry("f", looks[0])})

    told = [
        [change.kind for change in watch.changes({} if size is None else {Path("f"): entry("f", size)})]
        for size in looks[1:]
    ]

    assert told == [[], [], ["UPDATE"], [], ["DELETE"], ["CREATE"]]
