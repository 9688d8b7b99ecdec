"""Small records for the suites: everything has a default, and a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from batuta.ids import derived_id
from batuta.model.execution import Attempt, Execution, ExecutionTrigger, TaskRun
from batuta.model.flow import FlowRevision
from batuta.model.labels import Label
from batuta.model.records import KvEntry, KvType, LogLine, Metric, MetricKind
from batuta.model.state import History, State
from batuta.model.task import LogLevel
from batuta.store.batch import Batch, Job, Timer
from batuta.store.port import AllOf, AnyOf, Condition, Criteria, Order, Search

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def history(*states: State, start: float = 0) -> History:
    """One state after the other, a second apart."""
    found = History.starting(at(start), states[0] if states else State.CREATED)
    for number, state in enumerate(states[1:], 1):
        found = found.to(state, at(start + number))
    return found


def execution(id: str = "e1", **given: Any) -> Execution:
    given.setdefault("state", history())
    values: dict[str, Any] = {
        "namespace": "company.team",
        "flow_id": "hello",
        "revision": 1,
        "original_id": id,
    }
    return Execution(id=id, **(values | given))


def child(id: str, of: str, task_run_id: str | None = "run", **given: Any) -> Execution:
    """An execution that a task of another one started; by the end of it when `task_run_id` is None."""
    variables = {"executionId": of} | ({"taskRunId": task_run_id} if task_run_id else {})
    return execution(
        id, trigger=ExecutionTrigger("call", "io.kestra.plugin.core.flow.Subflow", variables), **given
    )


def task_run(execution_id: str = "e1", ordinal: int = 0, task_id: str = "first", **given: Any) -> TaskRun:
    given.setdefault("state", history(State.CREATED, State.RUNNING))
    given.setdefault("attempts", (Attempt(history(State.RUNNING)),))
    return TaskRun(id=derived_id(execution_id, ordinal), ordinal=ordinal, task_id=task_id, **given)


def flow(id: str = "hello", revision: int = 1, **given: Any) -> FlowRevision:
    values: dict[str, Any] = {
        "namespace": "company.team",
        "source": f"id: {id}\nnamespace: company.team\n",
        "created_at": at(revision),
    }
    return FlowRevision(id=id, revision=revision, **(values | given))


def job(task_run_id: str = "run1", token: int = 1, **given: Any) -> Job:
    values: dict[str, Any] = {
        "execution_id": "e1",
        "task_id": "first",
        "attempt": token - 1,
        "namespace": "company.team",
        "flow_id": "hello",
        "revision": 1,
        "created_at": NOON,
    }
    return Job(task_run_id=task_run_id, token=token, **(values | given))


def timer(name: str = "retry", seconds: float = 10, **given: Any) -> Timer:
    values: dict[str, Any] = {"execution_id": "e1", "task_run_id": "run1"}
    return Timer(timer=name, at=at(seconds), **(values | given))


def line(message: str = "hello", **given: Any) -> LogLine:
    values: dict[str, Any] = {
        "execution_id": "e1",
        "namespace": "company.team",
        "flow_id": "hello",
        "at": NOON,
        "level": LogLevel.INFO,
        "task_id": "first",
        "task_run_id": "run1",
        "attempt": 0,
    }
    return LogLine(message=message, **(values | given))


def metric(name: str = "rows", **given: Any) -> Metric:
    values: dict[str, Any] = {
        "execution_id": "e1",
        "namespace": "company.team",
        "flow_id": "hello",
        "task_id": "first",
        "task_run_id": "run1",
        "kind": MetricKind.COUNTER,
        "value": 3.5,
        "at": NOON,
        "tags": {"table": "orders"},
    }
    return Metric(name=name, **(values | given))


def entry(key: str = "token", value: Any = "abc", **given: Any) -> KvEntry:
    values: dict[str, Any] = {
        "namespace": "company.team",
        "type": KvType.STRING,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return KvEntry(key=key, value=value, **(values | given))


def labels(**pairs: str) -> tuple[Label, ...]:
    return tuple(Label(key, value) for key, value in pairs.items())


def having(*executions: Execution) -> Batch:
    """A batch that writes these executions."""
    return Batch(executions={each.id: each for each in executions})


def where(field: str, operation: str, value: Any) -> Search:
    """A search with one condition."""
    return Search(criteria=Condition(field, operation, value), limit=100)


def both(*parts: Criteria) -> Search:
    return Search(criteria=AllOf(parts), limit=100)


def either(*parts: Criteria) -> Search:
    return Search(criteria=AnyOf(parts), limit=100)


def sorted_by(column: str, *, descending: bool = False, **given: Any) -> Search:
    return Search(order=(Order(column, descending),), **({"limit": 100} | given))
