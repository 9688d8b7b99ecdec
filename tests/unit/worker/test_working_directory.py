"""Tasks that share a folder (flow spec §6.14)."""

from __future__ import annotations

import asyncio

from batuta.engine.events import ChildRunReported
from batuta.ids import derived_id
from batuta.model.state import State

PROCESS = {"type": "io.kestra.plugin.core.runner.Process"}


def shared(*tasks, **more):
    return {"type": "core.flow.WorkingDirectory", "tasks": list(tasks), **more}


def shell(id, *commands, **more):
    return {
        "id": id,
        "type": "scripts.shell.Commands",
        "taskRunner": PROCESS,
        "commands": list(commands),
        **more,
    }


def told(shop):
    return [(event.task_id, event.state.value) for event in shop.heard.of(ChildRunReported)]


async def test_children_run_in_order_in_one_folder_and_are_reported(shop):
    outcome = await shop.run(shared(shell("write", "echo hi > a.txt"), shell("read", "cat a.txt")))

    assert outcome.state is State.SUCCESS
    assert told(shop) == [
        ("write", "RUNNING"),
        ("write", "SUCCESS"),
        ("read", "RUNNING"),
        ("read", "SUCCESS"),
    ]
    assert await shop.log() == ["INFO hi"]
    assert all(event.parent_run_id == shop.last.inputs.run.id for event in shop.heard.of(ChildRunReported))


async def test_a_child_sees_its_own_run_and_the_outputs_of_earlier_ones(shop):
    await shop.run(
        shared(
            {"id": "first", "type": "core.debug.Return", "format": "one"},
            {
                "id": "second",
                "type": "core.debug.Return",
                "format": "{{ outputs.first.value }} {{ task.id }} {{ taskrun.id }} {{ tasks.first.state }}",
            },
        )
    )

    parent = shop.last.inputs.run.id
    last = shop.heard.of(ChildRunReported)[-1]
    assert last.outputs == {"value": f"one second {derived_id(parent, 'second')} SUCCESS"}


async def test_inside_a_loop_outputs_are_addressed_by_the_values_around(shop):
    await shop.run(
        shared(
            {"id": "first", "type": "core.debug.Return", "format": "{{ taskrun.value }}"},
            {"id": "second", "type": "core.debug.Return", "format": "{{ outputs.first.a.b.value }}"},
        ),
        value="b",
        parents=[{"taskrun": {"value": "a"}}],
    )

    assert shop.heard.of(ChildRunReported)[-1].outputs == {"value": "b"}


async def test_a_failed_child_stops_the_others(shop):
    outcome = await shop.run(shared(shell("one", "exit 1"), shell("two", "true")))

    assert outcome.state is State.FAILED
    assert told(shop) == [("one", "RUNNING"), ("one", "FAILED")]


async def test_a_child_that_may_fail_lets_the_others_run(shop):
    outcome = await shop.run(shared(shell("one", "exit 1", allowFailure=True), shell("two", "true")))

    assert outcome.state is State.WARNING
    assert told(shop)[-1] == ("two", "SUCCESS")


async def test_a_child_is_tried_again_in_the_same_folder(shop):
    once = "if [ -e tried ]; then exit 0; fi; touch tried; exit 1"
    again = {"type": "constant", "interval": "PT0.05S", "maxAttempts": 3}

    outcome = await shop.run(
        shared(
            shell("one", once, retry=again),
            {"id": "two", "type": "core.debug.Return", "format": "{{ tasks.one.state }}"},
        )
    )

    assert outcome.state is State.SUCCESS
    assert told(shop)[:4] == [("one", "RUNNING"), ("one", "RETRYING"), ("one", "RUNNING"), ("one", "SUCCESS")]
    assert shop.heard.of(ChildRunReported)[-1].outputs == {"value": "SUCCESS"}


async def test_a_childs_retries_come_to_an_end(shop):
    again = {"type": "constant", "interval": "PT0.05S", "maxAttempts": 2}

    outcome = await shop.run(shared(shell("one", "exit 1", retry=again), shell("two", "true")))

    assert outcome.state is State.FAILED
    assert told(shop) == [("one", "RUNNING"), ("one", "RETRYING"), ("one", "RUNNING"), ("one", "FAILED")]


async def test_a_success_after_a_retry_may_be_a_warning(shop):
    once = "if [ -e tried ]; then exit 0; fi; touch tried; exit 1"
    again = {"type": "constant", "interval": "PT0.05S", "maxAttempts": 2, "warningOnRetry": True}

    outcome = await shop.run(shared(shell("one", once, retry=again)))

    assert outcome.state is State.WARNING
    assert told(shop)[-1] == ("one", "WARNING")


async def test_a_kill_ends_a_child_that_waits_for_its_next_attempt(shop):
    again = {"type": "constant", "interval": "PT1M"}
    attempt = shop.last = shop.attempt(shared(shell("one", "exit 1", retry=again)))
    running = asyncio.create_task(attempt.run())
    await shop.heard.first(ChildRunReported, count=2)

    attempt.kill()

    assert (await running).state is State.KILLED
    assert told(shop)[-1] == ("one", "KILLED")


async def test_conditions_and_disabled_children(shop):
    await shop.run(
        shared(
            {"id": "a", "type": "core.debug.Return", "format": "x"},
            shell("skipped", "true", when="{{ outputs.a.value == 'y' }}"),
            shell("off", "true", disabled=True),
            shell("run", "true", when="{{ outputs.a.value == 'x' }}"),
        )
    )

    assert told(shop)[2:] == [("skipped", "SKIPPED"), ("run", "RUNNING"), ("run", "SUCCESS")]


async def test_a_condition_that_cannot_be_evaluated_fails_the_child(shop):
    outcome = await shop.run(shared(shell("one", "true", when="{{ outputs.none.value }}")))

    assert outcome.state is State.FAILED
    assert told(shop) == [("one", "FAILED")]
    assert (await shop.log())[0].startswith("ERROR Unable to evaluate the runIf condition for task one")


async def test_files_go_in_and_out_of_the_shared_folder(shop):
    stored = await shop.put("in.txt", "stored")

    outcome = await shop.run(
        shared(
            shell("copy", "cat in.txt plain.txt > out.txt; echo 1 > own.csv", outputFiles=["*.csv"]),
            inputFiles={"in.txt": stored, "plain.txt": " and {{ flow.id }}"},
            outputFiles=["out.*", "*.csv"],
        )
    )

    assert list(outcome.outputs["outputFiles"]) == ["out.txt"]
    assert await shop.content(outcome.outputs["outputFiles"]["out.txt"]) == b"stored and nightly_load"


async def test_nothing_kept_means_no_outputs(shop):
    assert (await shop.run(shared(shell("one", "true"), outputFiles=["*.x"]))).outputs is None


async def test_a_failed_preparation_says_so(shop):
    outcome = await shop.run(shared(shell("one", "true"), inputFiles={"a": "kestra:///company/team/none/x"}))

    assert outcome.state is State.FAILED
    assert told(shop) == []
    assert (await shop.log())[0].startswith(
        "ERROR Failed preExecuteTasks on WorkingDirectory: There is no file"
    )


async def test_a_failed_end_says_so(shop):
    outcome = await shop.run(shared(shell("one", "true"), outputFiles=["[a"]))

    assert outcome.state is State.FAILED
    assert (await shop.log())[0].startswith("ERROR Failed postExecuteTasks on WorkingDirectory: `[a`")


async def test_namespace_files_are_there_when_asked_for(shop):
    for path in ("a.txt", "ignore/b.txt", "sub/c.sql"):
        await shop.ports.storage.put(f"kestra:///company/team/_files/{path}", path.encode())

    await shop.run(shared(shell("list", "find . -type f | sort"), namespaceFiles={"exclude": ["/ignore/**"]}))
    excluded = await shop.log()
    await shop.run(
        shared(shell("list", "find . -type f"), namespaceFiles={"enabled": True, "include": ["**.sql"]})
    )
    included = await shop.log()
    await shop.run(shared(shell("list", "find . -type f"), namespaceFiles={"enabled": False}))

    assert excluded == ["INFO Loaded 2 namespace files", "INFO ./a.txt", "INFO ./sub/c.sql"]
    assert included == ["INFO Loaded 1 namespace files", "INFO ./sub/c.sql"]
    assert await shop.log() == []


async def test_cached_files_come_back_in_the_next_run(shop):
    task = shared(
        shell("use", "cat deps/x 2>/dev/null || echo none; mkdir -p deps; echo cached > deps/x"),
        cache={"patterns": ["deps/**"], "ttl": "PT1H"},
    )

    await shop.run(task)
    first = await shop.log()
    await shop.run(task)

    assert (first, await shop.log()) == (["INFO none"], ["INFO cached"])


async def test_a_cache_that_is_too_old_is_not_used(shop):
    task = shared(
        shell("use", "cat x 2>/dev/null || echo none; echo cached > x"),
        cache={"patterns": ["x"], "ttl": "PT0S"},
    )
    await shop.run(task)

    await shop.run(task)

    assert await shop.log() == ["INFO none"]


async def test_a_kill_ends_the_running_child_and_the_whole(shop):
    attempt = shop.last = shop.attempt(shared(shell("slow", "sleep 60"), shell("never", "true")))
    running = asyncio.create_task(attempt.run())
    await shop.heard.first(ChildRunReported)

    attempt.kill()

    assert (await running).state is State.KILLED
    assert told(shop) == [("slow", "RUNNING"), ("slow", "KILLED")]


async def test_the_childs_own_timeout_fails_the_child(shop):
    outcome = await shop.run(shared(shell("slow", "sleep 60", timeout="PT0.2S")))

    assert outcome.state is State.FAILED
    assert told(shop) == [("slow", "RUNNING"), ("slow", "FAILED")]


async def test_the_whole_ones_timeout_fails_the_running_child_too(shop):
    outcome = await shop.run(shared(shell("slow", "sleep 60"), timeout="PT0.2S"))

    assert outcome.state is State.FAILED
    assert told(shop) == [("slow", "RUNNING"), ("slow", "FAILED")]


async def test_a_worker_that_stops_reports_no_end_of_the_child(shop):
    running = asyncio.create_task(shop.attempt(shared(shell("slow", "sleep 60"))).run())
    await shop.heard.first(ChildRunReported)

    running.cancel()
    await asyncio.wait([running])

    assert told(shop) == [("slow", "RUNNING")]
