"""What a message says about an execution: read from the store, put into words, laid out by each service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from batuta.clock import SystemClock
from batuta.model.execution import Execution, TaskRun
from batuta.model.flow import TENANT
from batuta.model.state import State
from batuta.plugin.context import RunContext, SeenExecution
from batuta.plugin.converters import as_text

CURRENT = "{{ execution.id }}"
PATIENCE = timedelta(minutes=10)
"""How long a message waits for the end of the execution that it is about."""

_VERDICTS = {
    State.SUCCESS: "Succeeded after",
    State.WARNING: "Succeeded with warnings after",
    State.FAILED: "Failed after",
    State.KILLED: "Killed after",
    State.CANCELLED: "Cancelled after",
    State.PAUSED: "Paused after",
}
# A message about the execution that sends it comes before its end: so far, so good.
_VERDICT_UNDER_WAY = "Succeeded after"


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An execution as messages tell of it."""

    namespace: str
    flow_id: str
    execution_id: str
    state: State
    start_date: datetime
    duration: str
    link: str | None
    """Its page, where the server knows under which address people reach it."""
    last_task: str | None
    failed_task: str | None
    """The task that failed last, None when none did."""
    custom_message: str | None = None
    custom_fields: dict[str, str] = {}

    @property
    def headline(self) -> str:
        """Which flow it was and how it stands."""
        return f"[{self.namespace}] {self.flow_id} ➛ {self.state}"

    @property
    def verdict(self) -> str:
        """How it went."""
        if self.failed_task is not None:
            return f"Failed on task `{self.failed_task}` after {self.duration}"
        return f"{_VERDICTS.get(self.state, _VERDICT_UNDER_WAY)} {self.duration}"

    @property
    def is_good(self) -> bool:
        """Nothing failed."""
        return self.failed_task is None and self.state not in (State.FAILED, State.KILLED, State.CANCELLED)

    @property
    def fields(self) -> dict[str, str]:
        """Names and values for tables, those of the flow's author at the end."""
        return {
            "Namespace": self.namespace,
            "Flow ID": self.flow_id,
            "Execution ID": self.execution_id,
            "Execution Status": self.state.value,
            **({"Final task ID": self.last_task} if self.last_task else {}),
            **self.custom_fields,
        }

    @property
    def lines(self) -> list[str]:
        """All of it in plain text, a line each."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.headline
        yield self.verdict
        if self.custom_message:
            yield self.custom_message
        yield f"Execution ID: {self.execution_id}"
        yield f"Started: {self.start_date.isoformat(timespec='seconds')}"
        for name, value in self.custom_fields.items():
            yield f"{name}: {value}"
        if self.link:
            yield f"Link: {self.link}"


ExecutionId = Annotated[
    str,
    Meta(
        description="Execution to tell of; in a flow with a Flow trigger `{{ trigger.executionId }}`. The "
        "message waits for its end."
    ),
]
CustomMessage = Annotated[str | None, Meta(description="A text of your own, added to the message.")]
CustomFields = Annotated[
    dict[str, Any] | None, Meta(description="Names and values of your own, added to the message.")
]
RenderMap = Annotated[
    dict[str, Any] | None,
    Meta(
        description="Other texts for `duration`, `link`, `lastTask`, `firstFailed`; what else is there "
        "becomes a field."
    ),
]


class Telling(Protocol):
    """The properties that tasks which tell of an execution have."""

    execution_id: str
    custom_message: str | None
    custom_fields: dict[str, Any] | None
    template_render_map: dict[str, Any] | None


async def report_of(ctx: RunContext, task: Telling) -> Report:
    """What there is to say.

    Raises:
        TaskError: there is no such execution.
    """
    execution, runs = await seen_execution(ctx, task.execution_id.strip())
    others = [run for run in runs if run.id != ctx.identity.task_run_id]
    end = execution.state.ended_at or SystemClock().now()
    report = Report(
        namespace=execution.namespace,
        flow_id=execution.flow_id,
        execution_id=execution.id,
        state=execution.state.current,
        start_date=execution.state.started_at,
        duration=in_words(end - execution.state.started_at),
        link=link(ctx, execution),
        last_task=others[-1].task_id if others else None,
        failed_task=failed_task(others),
        custom_message=task.custom_message,
        custom_fields={name: as_text(value) for name, value in (task.custom_fields or {}).items()},
    )
    return replaced(report, task.template_render_map or {})


async def seen_execution(ctx: RunContext, execution_id: str) -> SeenExecution:
    """The execution: our own as it stands, another one at its end.

    One that a Flow trigger told of counts as there when it is in the state in which the trigger saw it.
    """
    own = ctx.identity.execution_id
    if execution_id in (CURRENT, "", own):
        return await ctx.executions.look(own)
    trigger = ctx.names.get("trigger")
    told = trigger if isinstance(trigger, Mapping) and trigger.get("executionId") == execution_id else {}
    state = told.get("state")

    def reached(execution: Execution) -> bool:
        return execution.is_ended or state == State.RUNNING or state == execution.state.current

    return await ctx.executions.look_when(execution_id, reached, PATIENCE)


def failed_task(runs: list[TaskRun]) -> str | None:
    """The task that failed last: children come after the task around them, so it is the innermost one."""
    return next((run.task_id for run in reversed(runs) if run.state.current is State.FAILED), None)


def link(ctx: RunContext, execution: Execution) -> str | None:
    """The page of an execution."""
    kestra = ctx.names.get("kestra")
    url = kestra.get("url") if isinstance(kestra, Mapping) else None
    if not url:
        return None
    return f"{url}/ui/{TENANT}/executions/{execution.namespace}/{execution.flow_id}/{execution.id}"


def replaced(report: Report, values: Mapping[str, Any]) -> Report:
    """The report with other texts in some places; names that it does not have become fields."""
    own = {"duration": "duration", "link": "link", "lastTask": "last_task", "firstFailed": "failed_task"}
    texts = {own[name]: as_text(value) for name, value in values.items() if name in own}
    more = {name: as_text(value) for name, value in values.items() if name not in own}
    return msgspec.structs.replace(report, **texts, custom_fields={**report.custom_fields, **more})


def in_words(duration: timedelta) -> str:
    """`1 day 2 hours`, `3 minutes 20 seconds`, `0.52 seconds`: the two largest units."""
    seconds = max(duration.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.2f} seconds"
    whole, words = int(seconds), []
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, whole = divmod(whole, size)
        if count:
            words.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(words[:2])
