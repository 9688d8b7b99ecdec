"""Which files an expression or a task can read (stores spec §A17.1, expressions spec on `read`)."""

from __future__ import annotations

import msgspec
import pytest

from batuta import ids
from batuta.model.execution import Execution, ExecutionTrigger
from batuta.model.state import History, State
from batuta.storage import uris
from batuta.storage.namespace_files import NamespaceFiles
from batuta.store.batch import Batch
from batuta.worker.attempt import Attempt


async def rendered(shop, template, **names):
    outcome = await shop.run({"type": "core.debug.Return", "format": template}, **names)
    assert outcome.state is State.SUCCESS, await shop.log()
    return outcome.outputs["value"]


async def refusal(shop, template, **names):
    outcome = await shop.run({"type": "core.debug.Return", "format": template}, **names)
    assert outcome.state is State.FAILED
    return (await shop.log())[0]


@pytest.fixture
async def files(shop):
    files = NamespaceFiles(shop.ports.storage, "company.team")
    await files.put("dir/hello.txt", b"one")
    await files.put("dir/hello.txt", b"second")
    return files


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ read('dir/hello.txt') }}", "second"),
        ("{{ read('/dir/hello.txt') }}", "second"),
        ("{{ read('nsfile:///dir/hello.txt') }}", "second"),
        ("{{ read(fileURI('dir/hello.txt')) }}", "second"),
        ("{{ read('dir/hello.txt', version=1) }}", "one"),
        ("{{ read(fileURI('dir/hello.txt', version=1)) }}", "one"),
        ("{{ fileSize('dir/hello.txt') }}", "6"),
        ("{{ fileSize('dir/hello.txt', version=1) }}", "3"),
        ("{{ fileExists('dir/hello.txt') }}", "true"),
        ("{{ fileExists('dir/hello.txt', version=3) }}", "false"),
        ("{{ fileExists('dir/none.txt') }}", "false"),
        ("{{ isFileEmpty('dir/hello.txt') }}", "false"),
    ],
)
async def test_namespace_files_are_read_by_their_paths(shop, files, template, value):
    assert await rendered(shop, template) == value


async def test_files_of_another_namespace_are_open(shop):
    await NamespaceFiles(shop.ports.storage, "other").put("x", b"from other")

    assert await rendered(shop, "{{ read('x', 'other') }}") == "from other"
    assert await rendered(shop, "{{ read('nsfile://other/x') }}") == "from other"


async def test_a_version_that_never_was_is_named(shop, files):
    assert "has no version 3" in await refusal(shop, "{{ read('dir/hello.txt', version=3) }}")
    assert "expects a number from 1 as 'version'" in await refusal(shop, "{{ read('x', version=0) }}")


async def execution(shop, namespace, **about):
    now = shop.ports.clock.now()
    made = Execution(
        id=ids.random_id(),
        namespace=namespace,
        flow_id="f",
        revision=1,
        state=History.starting(now),
        original_id="o",
        **about,
    )
    await shop.ports.store.commit(Batch(executions={made.id: made}))
    return made


async def file_of(shop, execution):
    uri = uris.task_file(execution.namespace, execution.flow_id, execution.id, "t", "r", "x.txt")
    await shop.ports.storage.put(uri, b"content")
    return uri


def started_by(execution):
    return ExecutionTrigger(id="t", type="x", variables={"executionId": execution.id})


async def read_by(shop, reader, uri):
    inputs = shop.inputs({"type": "core.debug.Return", "format": "{{ read('" + uri + "') }}"})
    attempt = Attempt(shop.bench, msgspec.structs.replace(inputs, execution=reader), 0)
    return (await attempt.run()).outputs


async def test_files_of_another_execution_of_the_namespace_can_be_read(shop):
    assert await rendered(shop, "{{ read('" + await shop.put("x", "abc") + "') }}") == "abc"


async def test_files_of_foreign_executions_cannot_be_read(shop):
    uri = await file_of(shop, await execution(shop, "foreign"))

    assert "as it doesn't belong to the current execution" in await refusal(shop, "{{ read('" + uri + "') }}")
    for task in (
        {"type": "core.storage.Size", "uri": uri},
        {"type": "core.storage.Delete", "uri": uri},
        {"type": "core.storage.Concat", "files": [uri]},
    ):
        assert (await shop.run(task)).state is State.FAILED
    assert await shop.ports.storage.read(uri) == b"content"


async def test_files_of_executions_above_and_below_can_be_read(shop):
    top = await execution(shop, "above")
    middle = await execution(shop, "company.team", trigger=started_by(top))
    below = await execution(shop, "below", trigger=started_by(middle))

    assert await read_by(shop, middle, await file_of(shop, top)) == {"value": "content"}
    assert await read_by(shop, below, await file_of(shop, top)) == {"value": "content"}
    assert await read_by(shop, top, await file_of(shop, below)) == {"value": "content"}


async def test_a_file_that_was_handed_over_can_be_read(shop):
    uri = await file_of(shop, await execution(shop, "foreign"))
    by_input = await execution(shop, "company.team", inputs={"all": [{"file": uri}]})
    by_trigger = await execution(
        shop, "company.team", trigger=ExecutionTrigger(id="t", type="x", variables={"uri": uri})
    )

    assert await read_by(shop, by_input, uri) == {"value": "content"}
    assert await read_by(shop, by_trigger, uri) == {"value": "content"}


async def test_what_a_namespace_keeps_besides_its_files_cannot_be_read_by_others(shop):
    await shop.ports.storage.put("kestra:///other/_kv/secret.ion", b"x")

    assert "doesn't belong" in await refusal(shop, "{{ read('kestra:///other/_kv/secret.ion') }}")
