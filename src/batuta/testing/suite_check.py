"""What a suite says about its flow, held against the flow: tasks, inputs and triggers that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from batuta.engine.outline import Kind, load
from batuta.errors import FlowError
from batuta.flows.document import Path
from batuta.flows.documents import in_order
from batuta.flows.findings import Findings, Violation
from batuta.model.flow import Flow
from batuta.model.inputs import Input
from batuta.model.state import State
from batuta.model.task import Task
from batuta.nearness import did_you_mean
from batuta.testing.suite import Fixtures, Suite, TaskFixture
from batuta.testing.suite_reader import SUITE, SuiteReading

_FLOW = "io.kestra.plugin.core.flow."
_WORKING_DIRECTORY = _FLOW + "WorkingDirectory"
_STARTERS = (_FLOW + "Subflow", _FLOW + "ForEachItem", _FLOW + "Loop")
"""Types of tasks that start executions, and so stand in a trigger whose id is none of the flow's triggers."""


def mismatches(reading: SuiteReading, suite: Suite, flow: Flow) -> tuple[Violation, ...]:
    """Everything in the suite that does not fit the flow."""
    check = _Check(Findings(reading.document), flow)
    check.fixtures(("fixtures",), suite.fixtures)
    for index, case in enumerate(suite.cases):
        check.fixtures(("testCases", index, "fixtures"), case.fixtures)
        for place, assertion in enumerate(case.assertions):
            if assertion.task_id is not None:
                check.task(("testCases", index, "assertions", place, "taskId"), assertion.task_id)
    return in_order(check.found, SUITE)


def without_flow(reading: SuiteReading, message: str, hint: str | None = None) -> Violation:
    """What is wrong with a suite whose flow is not there."""
    found = Findings(reading.document)
    found.wrong(("flowId",), message, hint=hint, code="test.no-flow")
    return found.violations[0]


def fixture_mismatches(found: Findings, fixtures: Fixtures, flow: Flow) -> tuple[Violation, ...]:
    """Everything in fixtures of their own that does not fit the flow, and what was found before."""
    _Check(found, flow).fixtures(("fixtures",), fixtures)
    return in_order(found, SUITE)


class _Check:
    """The names of one flow, and what was not found among them."""

    def __init__(self, found: Findings, flow: Flow) -> None:
        self.found = found
        self._flow = flow
        self._tasks = {task.id: task for task in flow.walk()}
        self._parents = {child.id: task for task in flow.walk() for child in children_of(task)}

    def fixtures(self, path: Path, fixtures: Fixtures) -> None:
        for index, each in enumerate(fixtures.tasks):
            place = (*path, "tasks", index)
            if self.task((*place, "id"), each.id):
                self._mocked(place, each, self._tasks[each.id])
        known = list(_names(self._flow.inputs))
        for name in fixtures.inputs:
            if name not in known and name.partition(".")[0] not in known:
                hint = did_you_mean(name, known) or f"the flow has the inputs: {', '.join(known) or 'none'}"
                self.found.wrong(
                    (*path, "inputs", name), f"`{name}` is not an input of the flow", hint=hint, key=True
                )
        trigger = fixtures.trigger
        triggers = [each.id for each in self._flow.triggers]
        if trigger is not None and trigger.id not in triggers and trigger.type not in _STARTERS:
            hint = did_you_mean(trigger.id, triggers) or f"the flow has: {', '.join(triggers) or 'none'}"
            message = f"`{trigger.id}` is not a trigger of the flow {self._flow.key}"
            self.found.wrong((*path, "trigger", "id"), message, hint=hint)

    def task(self, path: Path, task_id: str) -> bool:
        """The flow has such a task; noted when it has not."""
        if task_id in self._tasks:
            return True
        hint = did_you_mean(task_id, self._tasks) or f"the flow has: {', '.join(self._tasks)}"
        self.found.wrong(path, f"`{task_id}` is not a task of the flow {self._flow.key}", hint=hint)
        return False

    def _mocked(self, path: Path, fixture: TaskFixture, task: Task) -> None:
        leaves = [leaf.id for leaf in _leaves(task)]
        if leaves and is_flowable(task):
            self.found.wrong(
                (*path, "id"),
                f"`{task.id}` arranges other tasks, so it has no fixture of its own",
                hint=f"write fixtures for {', '.join(f'`{leaf}`' for leaf in leaves)} instead",
            )
        if fixture.value is not None and is_special(task):
            message = f"`{task.id}` starts or stops executions, so its fixture is for every value"
            self.found.wrong((*path, "value"), message, hint="leave `value` out")
        parent = self._parents.get(task.id)
        if parent is None or parent.type != _WORKING_DIRECTORY:
            return
        for attempt in fixture.attempts:
            if attempt.state not in (State.SUCCESS, State.FAILED):
                message = f"a task of a WorkingDirectory ends as SUCCESS or FAILED, not as {attempt.state}"
                self.found.wrong((*path, "state"), message)


def is_flowable(task: Task) -> bool:
    """The task arranges others, and does no work of its own."""
    return _kind(task) in (Kind.FLOWABLE, Kind.DELEGATED, Kind.SPAWNING)


def is_special(task: Task) -> bool:
    """The engine starts the task in a way of its own: no worker runs it."""
    return _kind(task) is not None


def _kind(task: Task) -> Kind | None:
    try:
        kind = getattr(load(task), "kind", None)
    except FlowError:
        return None
    return kind if isinstance(kind, Kind) else None


def children_of(task: Task) -> Iterator[Task]:
    """Tasks directly below a task."""
    for branch in task.branches.values():
        yield from branch


def _leaves(task: Task) -> Iterator[Task]:
    for child in children_of(task):
        if any(True for _ in children_of(child)):
            yield from _leaves(child)
        else:
            yield child


def _names(inputs: tuple[Input, ...], prefix: str = "") -> Iterator[str]:
    """Ids of inputs, those inside forms among them."""
    for each in inputs:
        yield prefix + each.id
        yield from _names(tuple(each.inputs), f"{prefix}{each.id}.")
