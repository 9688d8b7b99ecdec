"""Replays, changes of states by hand, and queues (API spec §8, flow spec §15)."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.params import FromPath

from batuta.errors import NotFound
from batuta.model.state import State
from batuta.web import bulk, forms, operations, query, replaying, reviewing, starting
from batuta.web.api.executions import actions, full, restarted
from batuta.web.api.executions_bulk import found_ids
from batuta.web.query import Query
from batuta.web.routes import post
from batuta.web.site import GivenSite

Json = dict[str, Any]


@actions(post, "replay")
async def replay(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Run an execution again as a new one, from its beginning or from a task run."""
    asked = query.of(request)
    execution = await site.need_execution(execution_id)
    made = await replaying.replay(
        site,
        execution,
        task_run_id=asked.text("taskRunId"),
        revision=asked.number("revision", least=1),
        breakpoints=starting.breakpoints_of(asked) or (),
    )
    return await full(site, made)


@actions(post, "replay-with-inputs")
async def replay_with_inputs(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Json:
    """Run an execution again as a new one with other inputs."""
    asked = query.of(request)
    execution = await site.need_execution(execution_id)
    with await forms.form(request) as form:
        made = await replaying.replay(
            site,
            execution,
            task_run_id=asked.text("taskRunId"),
            revision=asked.number("revision", least=1),
            breakpoints=starting.breakpoints_of(asked) or (),
            form=form,
        )
    return await full(site, made)


@post("/executions/replay/by-ids", status_code=202)
async def replay_by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Replay executions by their ids."""
    latest = query.of(request).flag("latestRevision")
    ids = await forms.json(request, list[str])
    return bulk.done(await replaying.replay_all(site, ids, latest_revision=latest))


@post("/executions/replay/by-query", status_code=202)
async def replay_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Replay every execution that fits."""
    latest = query.of(request).flag("latestRevision")
    ids = await found_ids(request, site)
    return bulk.done(await replaying.replay_all(site, ids, latest_revision=latest))


class StateRequest(msgspec.Struct, rename="camel"):
    """Which task run counts as ended in which state."""

    task_run_id: str
    state: State


@actions(post, "state")
async def mark(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Have a task run count as ended in a state, and go on from there."""
    execution = await site.need_execution(execution_id)
    asked = await forms.json(request, StateRequest)
    runs = await site.ports.store.executions.task_runs(execution_id)
    if not any(run.id == asked.task_run_id for run in runs):
        raise NotFound(f"the execution `{execution_id}` has no task run `{asked.task_run_id}`")
    operation = operations.mark(asked.task_run_id, asked.state)
    changed = await operations.perform(site, execution, operation)
    answer = full if asked.state is State.CANCELLED else restarted
    return await answer(site, changed)


@actions(post, "change-status")
async def change_status(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Json:
    """Have an ended execution count as ended in another state."""
    execution = await site.need_execution(execution_id)
    operation = operations.change_status(_state(query.of(request), "status"))
    return await full(site, await operations.perform(site, execution, operation))


@post("/executions/change-status/by-ids", status_code=202)
async def change_status_by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Change the status of ended executions by their ids."""
    operation = operations.change_status(_state(query.of(request), "newStatus"))
    ids = await forms.json(request, list[str])
    return bulk.done(await operations.perform_all(site, ids, operation))


@post("/executions/change-status/by-query", status_code=202)
async def change_status_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Change the status of every ended execution that fits."""
    operation = operations.change_status(_state(query.of(request), "newStatus"))
    return bulk.done(await operations.perform_all(site, await found_ids(request, site), operation))


def _state(asked: Query, name: str) -> State:
    asked.need(name)
    return asked.choice(name, State) or State.SUCCESS


@actions(post, "unqueue")
async def unqueue(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Take an execution out of its queue."""
    execution = await site.need_execution(execution_id)
    operation = operations.unqueue(query.of(request).choice("state", State) or State.RUNNING)
    return await full(site, await operations.perform(site, execution, operation))


@post("/executions/unqueue/by-ids", status_code=202)
async def unqueue_by_ids(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Take executions out of their queues by their ids."""
    operation = operations.unqueue(query.of(request).choice("state", State) or State.RUNNING)
    ids = await forms.json(request, list[str])
    return bulk.done(await operations.perform_all(site, ids, operation))


@post("/executions/unqueue/by-query", status_code=202)
async def unqueue_by_query(request: Request[Any, Any, Any], site: GivenSite) -> Json:
    """Take every queued execution that fits out of its queue."""
    operation = operations.unqueue(query.of(request).choice("newState", State) or State.RUNNING)
    return bulk.done(await operations.perform_all(site, await found_ids(request, site), operation))


@actions(post, "resume-from-breakpoint")
async def leave_breakpoint(
    request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite
) -> Json:
    """Let an execution go on that stopped at a breakpoint."""
    execution = await site.need_execution(execution_id)
    operation = operations.leave_breakpoint(starting.breakpoints_of(query.of(request)))
    return await full(site, await operations.perform(site, execution, operation))


@actions(post, "review")
async def review(request: Request[Any, Any, Any], execution_id: FromPath[str], site: GivenSite) -> Json:
    """Decide an approval that waits."""
    execution = await site.need_execution(execution_id)
    sent = await forms.json(request, reviewing.Review)
    return await full(site, await reviewing.review(site, execution, sent))


ROUTES = [
    review,
    leave_breakpoint,
    replay,
    replay_with_inputs,
    replay_by_ids,
    replay_by_query,
    mark,
    change_status,
    change_status_by_ids,
    change_status_by_query,
    unqueue,
    unqueue_by_ids,
    unqueue_by_query,
]
