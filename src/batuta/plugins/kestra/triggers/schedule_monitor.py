"""Schedules that do not start what they should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from batuta import iso8601
from batuta.plugin import task
from batuta.plugin.registry import plugin
from batuta.plugin.trigger import Inputs, PollingTrigger, SourceDown, TriggerContext
from batuta.plugins.core.http.calling import Unreachable
from batuta.plugins.kestra.instance import KestraUrl, Login, Managed, TenantId, opened

Json = dict[str, Any]


@plugin("io.kestra.plugin.kestra.triggers.ScheduleMonitor")
class ScheduleMonitor(PollingTrigger):
    """Start the flow while there are schedules that are late or have no next date.

    The execution sees the schedules as `trigger.data`, each with `namespace`, `flowId`, `triggerId`,
    `nextExecutionDate`, `lastTriggeredDate`, `disabled` and the `reason` for which it is there.

    ```yaml
    id: stuck
    type: io.kestra.plugin.kestra.triggers.ScheduleMonitor
    namespace: company
    allowedDelay: PT5M
    interval: PT10M
    ```
    """

    kestra_url: KestraUrl = None
    auth: Login = None
    tenant_id: TenantId = None
    namespace: Annotated[str | None, Meta(description="Only of this namespace and those below it.")] = None
    flow_id: Annotated[str | None, Meta(description="Only of flows with this id.")] = None
    allowed_delay: Annotated[timedelta, Meta(description="How late a schedule may be.")] = timedelta(
        minutes=1
    )
    max_execution_interval: Annotated[
        timedelta | None, Meta(description="Longest time since it last started something.")
    ] = None
    include_disabled: Annotated[bool, Meta(description="Tell of disabled schedules as well.")] = False
    inputs: Inputs = None

    class Output(task.Output, frozen=True):
        """What is wrong."""

        data: Annotated[list[dict[str, Any]], Meta(description="The schedules.")]
        size: Annotated[int, Meta(description="How many they are.")]

    async def poll(self, ctx: TriggerContext) -> Output | None:
        """Look at all schedules."""
        now, found = datetime.now(UTC), []
        params = {
            name: value
            for name, value in (
                ("filters[namespace][PREFIX]", self.namespace),
                ("filters[flowId][EQUALS]", self.flow_id),
            )
            if value
        }
        try:
            managed = Managed(url=self.kestra_url, auth=self.auth, tenant=self.tenant_id)
            async with opened(ctx, managed) as instance:
                async for page in instance.pages("triggers", "search", params=params):
                    found += [shown for each in page if (shown := self._unwell(each, now)) is not None]
        except Unreachable as error:
            raise SourceDown(error.what) from error
        return self.Output(data=found, size=len(found)) if found else None

    def _unwell(self, found: Json, now: datetime) -> Json | None:
        definition = found.get("trigger") or found.get("abstractTrigger") or {}
        state = found.get("state") or found.get("triggerContext") or {}
        if not _is_schedule(definition, state):
            return None
        reason = self._reason(state, now)
        if reason is None:
            return None
        next_at = state.get("nextExecutionDate") or state.get("nextEvaluationDate")
        shown = {
            "namespace": state["namespace"],
            "flowId": state["flowId"],
            "triggerId": state["triggerId"],
            "nextExecutionDate": next_at,
            "lastTriggeredDate": state.get("lastTriggeredDate") or state.get("date"),
            "disabled": bool(state.get("disabled")),
            "reason": reason,
        }
        return {name: value for name, value in shown.items() if value is not None}

    def _reason(self, state: Json, now: datetime) -> str | None:
        if state.get("disabled"):
            return "it is disabled" if self.include_disabled else None
        next_at = state.get("nextExecutionDate") or state.get("nextEvaluationDate")
        if next_at is None:
            return "it has no next date"
        if (late := now - iso8601.parse_instant(next_at)) > self.allowed_delay:
            return f"it is late by {iso8601.format_duration(late)}"
        last_at = state.get("lastTriggeredDate") or state.get("date")
        if self.max_execution_interval is None or last_at is None:
            return None
        rest = now - iso8601.parse_instant(last_at)
        if rest <= self.max_execution_interval:
            return None
        return f"it has started nothing for {iso8601.format_duration(rest)}"


def _is_schedule(definition: Json, state: Json) -> bool:
    kind = state.get("kind")
    if kind is not None:
        return bool(kind == "SCHEDULE")
    return str(definition.get("type", "")).rpartition(".")[2].startswith("Schedule")
