"""Stand-ins for the tasks of a flow: what has a fixture ends as that says, all else runs under guard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec

from batuta.model.flow import Flow
from batuta.model.state import State
from batuta.model.task import Task
from batuta.plugin.context import RunContext
from batuta.plugin.converters import Render
from batuta.plugin.forms import Form
from batuta.plugin.task import InlineTask, Output, RunnableTask, TaskFailed
from batuta.testing.guard import Needed, Reach, Watch, watching
from batuta.testing.suite import AttemptFixture, Fixtures, TaskFixture
from batuta.testing.suite_check import is_special
from batuta.worker.attempt import Forms
from batuta.worker.context import AttemptContext

PLAIN_TASK = "io.kestra.plugin.core.debug.Return"
"""Type that takes the place of a task that the engine would start in a way of its own."""


class Mocking:
    """The fixtures of one test, and what was done in their place.

    Attributes:
        ends: states in which mocked task runs end, where that is not simply success or failure.
        used: ids of the tasks whose fixtures were used.
        ran: ids of the tasks that were run for real.
        needed: fixtures that the test lacks.
    """

    def __init__(self, fixtures: Fixtures, allowed: frozenset[Reach]) -> None:
        self.fixtures = fixtures
        self.allowed = allowed
        self.ends: dict[str, State] = {}
        self.used: dict[str, None] = {}
        self.ran: dict[str, None] = {}
        self.needed: list[Needed] = []

    def fixture(self, task_id: str, value: str | None) -> TaskFixture | None:
        """What is said of a task run."""
        return self.fixtures.of_task(task_id, value)

    def lacks(self, *needed: Needed) -> None:
        """Note fixtures that the test lacks, each once."""
        self.needed += [each for each in needed if each not in self.needed]


class GuardedForms(Forms):
    """Run forms of stand-ins."""

    def __init__(self, mocking: Mocking, real: Forms) -> None:
        super().__init__()
        self._mocking = mocking
        self._real = real

    def of(self, flow: Flow, task: Task) -> Form[Any]:
        """The form of a task's stand-in."""
        form = _StandInForm(task, lambda: self._real.of(flow, task), self._mocking)
        return cast(Form[Any], form)


class _StandInForm:
    """Builds a stand-in; the task behind it is built when it is clear that it shall run."""

    def __init__(self, task: Task, real: Callable[[], Form[Any]], mocking: Mocking) -> None:
        self._stand_in = StandIn(task=task, real=real, mocking=mocking)

    def build(self, render: Render) -> StandIn:
        """The stand-in."""
        return self._stand_in


class StandIn(RunnableTask):
    """Runs in place of a task of the flow."""

    task: Task
    real: Callable[[], Form[Any]]
    mocking: Mocking

    async def run(self, ctx: RunContext) -> Output | dict[str, Any] | None:
        """Do as the fixture says, or run the task."""
        value = (ctx.names.get("taskrun") or {}).get("value")
        fixture = self.mocking.fixture(self.task.id, value)
        if fixture is not None:
            self.mocking.used[self.task.id] = None
            number = min(ctx.identity.attempt, len(fixture.attempts) - 1)
            return await self._pretend(ctx, fixture.attempts[number])
        self.mocking.ran[self.task.id] = None
        watch = Watch(self.task.id, f"`{self.task.id}` ({self.task.written_type})", self.mocking.allowed)
        try:
            with watching(watch):
                return await self._perform(cast(AttemptContext, ctx), watch)
        finally:
            self.mocking.lacks(*watch.needed)

    async def _pretend(self, ctx: RunContext, attempt: AttemptFixture) -> dict[str, Any]:
        if attempt.duration:
            await asyncio.sleep(attempt.duration.total_seconds())
        outputs: dict[str, Any] = await rendered_deep(ctx, attempt.outputs)
        if attempt.state is State.FAILED:
            raise TaskFailed(f"`{self.task.id}` fails as its fixture says", outputs)
        if attempt.state is not State.SUCCESS:
            self.mocking.ends[ctx.identity.task_run_id] = attempt.state
        return outputs

    async def _perform(self, ctx: AttemptContext, watch: Watch) -> Output | dict[str, Any] | None:
        renderer = ctx.renderer
        form = self.real()
        task = await renderer.settle(lambda: form.build(renderer.text))
        watch.refuse_client(self.task.type, type(task).extra)
        if isinstance(task, InlineTask):
            inline = task
            return await renderer.settle(lambda: inline.compute(ctx))
        assert isinstance(task, RunnableTask)
        return await task.run(cast(RunContext, ctx))


async def rendered_deep(ctx: RunContext, value: Any) -> Any:
    """Every text in maps and lists rendered to a text."""
    if isinstance(value, dict):
        return {key: await rendered_deep(ctx, item) for key, item in value.items()}
    if isinstance(value, list):
        return [await rendered_deep(ctx, item) for item in value]
    return await ctx.rendered(value) if isinstance(value, str) else value


def with_leaves(flow: Flow, fixtures: Fixtures) -> Flow:
    """The flow with plain tasks where a fixture stands for a task that the engine starts in its own way.

    These are the tasks that start other flows, wait for people or change the execution.
    """
    mocked = {each.id for each in fixtures.tasks}
    if not any(task.id in mocked and is_special(task) for task in flow.walk()):
        return flow

    def replaced(task: Task) -> Task:
        if task.id in mocked and is_special(task):
            return msgspec.structs.replace(task, type=PLAIN_TASK, properties={}, branches={})
        if not task.branches:
            return task
        return msgspec.structs.replace(
            task, branches={name: tuple(map(replaced, branch)) for name, branch in task.branches.items()}
        )

    return msgspec.structs.replace(
        flow,
        tasks=tuple(map(replaced, flow.tasks)),
        errors=tuple(map(replaced, flow.errors)),
        finally_=tuple(map(replaced, flow.finally_)),
        after_execution=tuple(map(replaced, flow.after_execution)),
    )
