"""What is left after the process or the disk gave up."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from batuta.errors import OperatorError, StoreError
from batuta.store.lock import hold
from batuta.store.sqlite import opened
from tests.conformance.samples import execution, having

WRITER = """
import asyncio, os, sys
from pathlib import Path
from batuta.engine.events import ExecutionCreated
from batuta.store.batch import Batch
from batuta.store.lock import hold
from batuta.store.sqlite import opened
from tests.conformance.samples import execution, task_run

async def writes(store, lane):
    number = 0
    while True:
        id = f"{lane}-{number}"
        await store.commit(Batch(
            executions={id: execution(id)},
            task_runs={(id, n): task_run(id, n) for n in range(5)},
            posted=[ExecutionCreated(execution_id=id)],
        ))
        os.write(1, f"{id}\\n".encode())
        number += 1

async def main():
    async with opened(Path(sys.argv[1])) as store:
        await asyncio.gather(*(writes(store, lane) for lane in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("lines", [1, 200, 1_500])
async def test_every_acknowledged_commit_is_there_after_a_kill_and_none_is_there_in_part(tmp_path, lines):
    path = tmp_path / "batuta.db"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), stdout=subprocess.PIPE
    )
    acknowledged = [await child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    acknowledged += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()

    names = {line.decode().strip() for line in acknowledged if line.endswith(b"\n")}
    async with opened(path) as store:
        found = {each.id for each in await store.executions.unsettled()}
        posted = {each.event.execution_id for each in await store.events.pending()}
        runs = {id: len(await store.executions.task_runs(id)) for id in found}

        assert len(names) >= lines
        assert names <= found
        assert posted == found
        assert set(runs.values()) == {5}
        await store.commit(having(execution("after")))


async def test_a_data_folder_belongs_to_one_process(tmp_path):
    program = (
        "import sys; from pathlib import Path; from batuta.store.lock import hold\n"
        "with hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert await child.stdout.readline() == b"held\n"

    with pytest.raises(OperatorError) as refused, hold(tmp_path):
        pass

    assert f"process {child.pid}" in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    child.kill()
    await child.wait()
    with hold(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OperatorError, match="cannot be used"), hold(tmp_path / "file" / "data"):
        pass


@contextmanager
def files_of_at_most(size):
    """The system refuses to let a file grow beyond `size`, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_refuses_is_one_clear_error_and_nothing_is_half_written(tmp_path):
    path = tmp_path / "batuta.db"
    async with opened(path) as store:
        await store.commit(having(execution("before")))
        large = execution("large", inputs={"text": "x" * 3_000_000})

        with files_of_at_most(1_000_000):
            with pytest.raises(StoreError) as refused:
                await store.commit(having(execution("with it"), large))
            await store.commit(having(execution("small")))

        assert str(path) in str(refused.value)
        assert "disk" in str(refused.value)
        assert await store.executions.get("with it") is None
        await store.commit(having(large))

    async with opened(path) as store:
        assert {each.id for each in await store.executions.unsettled()} == {"before", "small", "large"}


async def test_a_full_database_fails_the_commits_that_need_room_and_no_others(tmp_path):
    async with opened(tmp_path / "batuta.db") as store:
        db = store._group._transactions.connection
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 20}")
        large = [having(execution(f"large{n}", inputs={"text": "x" * 200_000})) for n in range(3)]
        small = [having(execution(f"small{n}")) for n in range(3)]

        results = await asyncio.gather(*map(store.commit, [*large, *small]), return_exceptions=True)

        assert [type(result) for result in results] == [StoreError] * 3 + [list] * 3
        assert "disk is full" in str(results[0])
        assert "free space" in str(results[0])
        db.execute("PRAGMA max_page_count = 1000000")
        await store.commit(large[0])
        assert len(await store.executions.unsettled()) == 4
