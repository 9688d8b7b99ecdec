"""Scripts as processes: nothing of them survives, and their output arrives whole."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from batuta.model.state import State
from batuta.model.task import LogLevel

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}


def commands(*lines: str, **more):
    return {"type": "scripts.shell.Commands", "taskRunner": PROCESS, "commands": list(lines), **more}


def words_of(place: Path) -> list[str]:
    return place.read_text().split() if place.exists() else []


async def pids_in(place: Path, count: int) -> list[int]:
    """Pids that a script has written, one per line, as soon as there are so many."""
    async with asyncio.timeout(20):
        while True:
            lines = words_of(place)
            if len(lines) >= count:
                return [int(line) for line in lines]
            await asyncio.sleep(0.01)


def alive(pids: list[int]) -> list[int]:
    return [
        pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


def family_of_five(place: Path) -> str:
    """A shell, its child, a grandchild, one that left the group, one that left group, parents and pipes."""
    return textwrap.dedent(
        f"""
        trap '' TERM
        echo $$ >> {place}
        sleep 300 & echo $! >> {place}
        sh -c 'sleep 300 & echo $! >> {place}; wait' &
        setsid sh -c 'echo $$ >> {place}; exec sleep 300' &
        setsid sh -c '(echo $$ >> {place}; exec sleep 300) >/dev/null 2>&1 </dev/null &' &
        while true; do sleep 0.1; done
        """
    )


async def test_a_kill_ends_a_script_with_all_its_descendants(shop, tmp_path):
    place = tmp_path / "pids"
    attempt = shop.attempt(commands(family_of_five(place)))
    running = asyncio.create_task(attempt.run())
    pids = await pids_in(place, 5)

    attempt.kill()
    outcome = await running

    assert outcome.state is State.KILLED
    assert alive(pids) == []


async def test_a_timeout_ends_a_script_with_all_its_descendants(shop, tmp_path):
    place = tmp_path / "pids"

    outcome = await shop.run(commands(family_of_five(place), timeout="PT0.8S"))

    assert outcome.state is State.FAILED
    assert (await shop.log(LogLevel.ERROR))[-1] == "ERROR Timeout after 00:00:00.800"
    assert alive(await pids_in(place, 5)) == []


async def test_a_worker_that_stops_leaves_no_process(shop, tmp_path):
    place = tmp_path / "pids"
    running = asyncio.create_task(shop.attempt(commands(family_of_five(place))).run())
    pids = await pids_in(place, 5)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert alive(pids) == []


async def test_what_a_script_leaves_in_the_background_ends_with_it(shop, tmp_path):
    place = tmp_path / "pids"

    outcome = await shop.run(commands(f"sleep 300 & echo $! > {place}", "echo done"))

    assert outcome.state is State.SUCCESS
    assert "INFO done" in await shop.log()
    assert alive(await pids_in(place, 1)) == []


async def test_what_has_left_its_group_and_its_pipes_is_found_by_the_sweep(shop, tmp_path):
    place = tmp_path / "pids"
    outcome = await shop.run(
        commands(
            f"setsid sh -c '(echo $$ > {place}; exec sleep 300) >/dev/null 2>&1 </dev/null &'", "sleep 0.2"
        )
    )
    pids = await pids_in(place, 1)

    await shop.bench.warden.sweep()

    assert outcome.state is State.SUCCESS
    assert alive(pids) == []


async def test_a_script_gets_time_to_clean_up_when_it_is_killed(shop, tmp_path):
    place = tmp_path / "pids"
    script = f"trap 'echo cleaning; exit 3' TERM; echo $$ > {place}; while true; do sleep 0.05; done"
    attempt = shop.last = shop.attempt(commands(script))
    running = asyncio.create_task(attempt.run())
    await pids_in(place, 1)

    attempt.kill()
    outcome = await running
    await shop.bench.journal.flush()

    assert outcome.state is State.KILLED
    assert "INFO cleaning" in await shop.log()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_scripts_do_not_outlive_a_server_that_is_killed_hard(tmp_path):
    place, program = tmp_path / "pids", tmp_path / "server.py"
    root = Path(__file__).parents[2]
    program.write_text(
        textwrap.dedent(
            f"""
            import asyncio, sys
            from pathlib import Path
            sys.path.insert(0, {str(root)!r})
            from tests.support.workshop import workshop

            async def main():
                async with workshop(Path({str(tmp_path)!r})) as shop:
                    await shop.run({commands(family_of_five(place))!r})

            asyncio.run(main())
            """
        )
    )
    server = await asyncio.create_subprocess_exec(sys.executable, str(program))
    try:
        pids = await pids_in(place, 5)
    finally:
        server.kill()
        await server.wait()

    await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid) for pid in alive(pids)], 10)
    assert alive(pids) == []


async def test_a_line_of_a_megabyte_arrives_whole(shop):
    await shop.run(commands("head -c 1000000 /dev/zero | tr '\\0' 'x'", "echo", "echo next"))

    assert await shop.log() == ["INFO " + "x" * 1_000_000, "INFO next"]


async def test_a_longer_line_is_cut_with_a_note(shop):
    await shop.run(commands("head -c 3000000 /dev/zero | tr '\\0' 'x'"))

    (line,) = await shop.log()
    assert line.endswith("x ... 1951424 more bytes")
    assert len(line) < 1_100_000


async def test_output_without_an_end_of_line_and_of_no_encoding_is_kept(shop):
    await shop.run(commands(r"printf 'a\377b\r\n\nlast'"))

    assert await shop.log() == ["INFO a�b", "INFO ", "INFO last"]


async def test_a_million_lines_take_constant_memory_and_arrive_in_order(shop):
    before = psutil.Process().memory_info().rss

    outcome = await shop.run(commands("seq 1000000"))

    assert outcome.outputs["stdOutLineCount"] == 1_000_000
    assert psutil.Process().memory_info().rss - before < 80 * 1024 * 1024
    execution = shop.last.inputs.execution.id
    newest = await shop.ports.store.logs.of_execution(execution, after=999_000, limit=5_000)
    messages = [stored.line.message for stored in newest]
    assert messages[-3:] == ["999998", "999999", "1000000"]
    assert messages == sorted(messages, key=int)


async def test_a_program_that_does_not_exist_fails_with_what_to_do(shop):
    outcome = await shop.run(commands("echo", interpreter=["/no/such/shell", "-c"]))

    assert outcome.state is State.FAILED
    (line,) = await shop.log()
    assert line.startswith("ERROR `/no/such/shell` is not installed on this worker")


async def test_a_script_sees_the_environment_but_nothing_of_the_servers_own(shop, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "c2VjcmV0")
    monkeypatch.setenv("KESTRA_CONFIGURATION", "x")
    monkeypatch.setenv("BATUTA_PORT", "1")
    monkeypatch.setenv("GITHUB_API", "https://example.test")

    await shop.run(
        commands('echo "$SECRET_TOKEN|$KESTRA_CONFIGURATION|$BATUTA_PORT|$GITHUB_API|$WORKING_DIR"')
    )

    (line,) = await shop.log()
    assert line.startswith("INFO |||https://example.test|/")


async def test_a_program_ended_by_a_signal_has_the_shells_exit_code(shop):
    outcome = await shop.run(commands("kill -9 $$"))

    assert outcome.outputs["exitCode"] == 137
    assert await shop.log() == ["ERROR Command failed with exit code 137"]
