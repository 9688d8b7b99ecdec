"""The same children for each of many values (flow spec §6.6, §6.7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

from msgspec import Meta

from batuta.engine.flowables.base import Begun, Child, Flowable
from batuta.engine.flowables.parallel import room_for
from batuta.engine.flowables.values import listed, texts
from batuta.engine.outline import TASKS
from batuta.engine.scope import Scope
from batuta.model.execution import TaskRun
from batuta.model.state import State
from batuta.plugin.registry import plugin
from batuta.plugin.task import AnyTask

_NULLS = "Found '{count}' null values on Each, with values={values}"


def _begin(values: Any, scope: Scope) -> Begun:
    elements = texts(listed(values), complaint=_NULLS)
    nothing = not elements or not scope.branch(TASKS)
    return Begun(memo={"values": elements}, end=State.SUCCESS if nothing else None)


class _Each(Flowable):
    """What the loops have in common: values decided at the beginning, and one run per value and task."""

    def size(self, scope: Scope) -> int:
        """Values times tasks."""
        return len(scope.memo["values"]) * len(scope.branch(TASKS))


def _in_sequence(scope: Scope) -> Iterable[Child]:
    tally, tasks, values = scope.tally(TASKS), scope.branch(TASKS), scope.memo["values"]
    if tally.open or tally.total >= len(tasks) * len(values):
        return ()
    iteration, index = divmod(tally.total, len(tasks))
    return (Child(tasks[index], values[iteration], iteration),)


def _by_group(scope: Scope, limit: int) -> Iterable[Child]:
    """Inside a group in order, groups side by side under the limit; groups under way go before new ones."""
    tasks, values = scope.branch(TASKS), scope.memo["values"]
    room = room_for(limit, scope)
    found = list(islice(_continued(scope), room))
    room = None if room is None else room - len(found)
    started = scope.started(scope.branch(TASKS)[0].id)
    fresh = (Child(tasks[0], values[at], at) for at in range(started, len(values)))
    return found + scope.grow(islice(fresh, room))


def _continued(scope: Scope) -> Iterator[Child]:
    tasks, values = scope.branch(TASKS), scope.memo["values"]
    index_of = {task.id: index for index, task in enumerate(tasks)}
    if scope.changed is not None and not _others_wait(scope, scope.changed):
        is_inside = scope.changed.parent_id == scope.run.id and scope.changed.iteration is not None
        iterations: Iterable[int] = (scope.changed.iteration or 0,) if is_inside else ()
    else:
        iterations = range(scope.started(scope.branch(TASKS)[0].id))
    for iteration in iterations:
        value = values[iteration]
        done = None
        for task in tasks:
            run = scope.child(task.id, value)
            if run is None:
                break
            done = run
        if done is not None and done.is_ended and index_of[done.task_id] + 1 < len(tasks):
            yield Child(tasks[index_of[done.task_id] + 1], value, iteration)


def _others_wait(scope: Scope, changed: TaskRun) -> bool:
    """Groups besides the changed one may go on: a replay, or a pause, left more of them than there was room.

    Counted without looking at them, and too few while last tasks are under way; those will be heard of.
    """
    tasks = scope.branch(TASKS)
    idle = scope.started(tasks[0].id) - scope.started(tasks[-1].id) - scope.tally(TASKS).open
    return idle > (changed.parent_id == scope.run.id and changed.task_id != tasks[-1].id)


@plugin("io.kestra.plugin.core.flow.ForEach")
class ForEach(_Each):
    """Run a group of tasks for each value: one group after the other, or several at once.

    Inside the group `{{ taskrun.value }}` and `{{ taskrun.iteration }}` tell the value and its position.

    ```yaml
    id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: ["eu", "us"]
    concurrencyLimit: 2
    tasks:
      - id: load
        type: io.kestra.plugin.core.log.Log
        message: "loading {{ taskrun.value }}"
    ```
    """

    values: Annotated[Any, Meta(description="A list, or an expression that prints one.")]
    tasks: list[AnyTask]
    concurrency_limit: Annotated[
        int, Meta(ge=0, description="Most tasks under way at once; 0 means no limit.")
    ] = 1

    def begin(self, scope: Scope) -> Begun:
        """Decide the values."""
        return _begin(self.values, scope)

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """The next task of each group that may go on, and new groups."""
        return (
            _in_sequence(scope) if self.concurrency_limit == 1 else _by_group(scope, self.concurrency_limit)
        )


@plugin("io.kestra.plugin.core.flow.EachSequential")
class EachSequential(_Each):
    """Run a group of tasks for each value, one after the other. Deprecated: use `ForEach`.

    ```yaml
    id: each
    type: io.kestra.plugin.core.flow.EachSequential
    value: ["a", "b"]
    tasks:
      - id: load
        type: io.kestra.plugin.core.log.Log
        message: "{{ taskrun.value }}"
    ```
    """

    value: Annotated[Any, Meta(description="A list, or an expression that prints one.")]
    tasks: list[AnyTask]

    def begin(self, scope: Scope) -> Begun:
        """Decide the values."""
        return _begin(self.value, scope)

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """The next task of the current value, or the first one of the next value."""
        return _in_sequence(scope)


@plugin("io.kestra.plugin.core.flow.EachParallel")
class EachParallel(_Each):
    """Run every pair of value and task side by side. Deprecated: use `ForEach`.

    ```yaml
    id: each
    type: io.kestra.plugin.core.flow.EachParallel
    value: ["a", "b"]
    tasks:
      - id: load
        type: io.kestra.plugin.core.log.Log
        message: "{{ taskrun.value }}"
    ```
    """

    value: Annotated[Any, Meta(description="A list, or an expression that prints one.")]
    tasks: list[AnyTask]
    concurrent: Annotated[int, Meta(ge=0, description="Most tasks under way at once; 0 means no limit.")] = 0

    def begin(self, scope: Scope) -> Begun:
        """Decide the values."""
        return _begin(self.value, scope)

    def next_children(self, scope: Scope) -> Iterable[Child]:
        """The pairs that have not been started, as far as the limit allows."""
        tasks, values = scope.branch(TASKS), scope.memo["values"]
        started = scope.tally(TASKS).total
        pairs = (divmod(at, len(tasks)) for at in range(started, len(tasks) * len(values)))
        children = (Child(tasks[index], values[iteration], iteration) for iteration, index in pairs)
        return scope.grow(islice(children, room_for(self.concurrent, scope)))
