"""A service that takes messages, and executions to tell of."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from batuta import ids
from batuta.model.execution import TaskRun
from batuta.model.state import History, State
from batuta.store.batch import Batch
from tests.plugins.notifications.service import service

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def chat():
    with service() as chat:
        yield chat


@pytest.fixture
def ended(shop):
    """Store an execution that ended, with runs of tasks by state; gives its id."""

    async def make(state=State.SUCCESS, **runs):
        template = shop.inputs({"type": "core.debug.Return"}).execution
        running = History.starting(START).to(State.RUNNING, START)
        execution = msgspec.structs.replace(
            template,
            id=ids.random_id(),
            flow_id="nightly_load",
            state=running.to(state, START + timedelta(minutes=3, seconds=20)) if state.is_ended else running,
        )
        task_runs = [
            TaskRun(
                id=ids.derived_id(execution.id, place),
                ordinal=place,
                task_id=name,
                state=History.starting(START).to(ended, START),
            )
            for place, (name, ended) in enumerate(runs.items())
        ]
        rows = {(execution.id, run.ordinal): run for run in task_runs}
        await shop.ports.store.commit(Batch(executions={execution.id: execution}, task_runs=rows))
        return execution.id

    return make
