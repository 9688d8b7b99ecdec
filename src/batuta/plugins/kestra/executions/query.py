"""Executions that fit filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta

from batuta import iso8601
from batuta.model.state import State
from batuta.plugin import task
from batuta.plugin.context import RunContext
from batuta.plugin.registry import plugin
from batuta.plugins.kestra.instance import Instance, InstanceTask, opened, spare_file
from batuta.plugins.rows import RowWriter

Json = dict[str, Any]


class FetchType(StrEnum):
    """What becomes of what is found."""

    STORE = "STORE"
    FETCH = "FETCH"
    FETCH_ONE = "FETCH_ONE"
    NONE = "NONE"


@plugin("io.kestra.plugin.kestra.executions.Query")
class Query(InstanceTask):
    """Find executions, newest first, and keep them as a row file or as outputs.

    They are as the API lists them: without task runs and outputs.

    ```yaml
    id: failed
    type: io.kestra.plugin.kestra.executions.Query
    namespace: company.team
    states: [FAILED]
    timeRange: PT24H
    fetchType: FETCH
    ```
    """

    namespace: Annotated[str | None, Meta(description="Only of this namespace and those below it.")] = None
    flow_id: Annotated[str | None, Meta(description="Only of flows with this id.")] = None
    states: Annotated[list[State], Meta(description="Only in these states.")] = []
    labels: Annotated[dict[str, Any], Meta(description="Only with all of these labels.")] = {}
    start_date: Annotated[datetime | None, Meta(description="Only begun at this time or later.")] = None
    end_date: Annotated[datetime | None, Meta(description="Only begun at this time or before.")] = None
    time_range: Annotated[
        timedelta | None, Meta(description="Only begun within this time; in place of `startDate`.")
    ] = None
    child_filter: Annotated[
        Literal["CHILD", "MAIN"] | None,
        Meta(description="Only those that another execution started, or only the others."),
    ] = None
    trigger_execution_id: Annotated[
        str | None, Meta(description="Only those that this execution started.")
    ] = None
    flow_scopes: Annotated[
        list[Literal["USER", "SYSTEM"]], Meta(description="Only of users' flows, or of system flows.")
    ] = []
    page: Annotated[int | None, Meta(ge=1, description="Only this page of them; all without it.")] = None
    size: Annotated[int, Meta(ge=1, le=1_000, description="Executions on a page.")] = 10
    fetch_type: Annotated[
        FetchType,
        Meta(description="STORE: all into a row file; FETCH: all as `rows`; FETCH_ONE: one as `row`."),
    ] = FetchType.STORE

    class Output(task.Output, frozen=True):
        """What was found."""

        size: Annotated[int, Meta(description="How many executions are kept; with NONE, how many there are.")]
        uri: Annotated[str | None, Meta(description="The row file of STORE.")] = None
        rows: Annotated[list[dict[str, Any]] | None, Meta(description="The executions of FETCH.")] = None
        row: Annotated[dict[str, Any] | None, Meta(description="The execution of FETCH_ONE.")] = None

    async def run(self, ctx: RunContext) -> Output:
        """Ask for them page by page."""
        async with opened(ctx, self) as instance:
            match self.fetch_type:
                case FetchType.NONE:
                    return self.Output(size=await counted(instance, self._params()))
                case FetchType.FETCH_ONE:
                    page = self.page or 1
                    found = await self._page(instance, page, 1 if self.page is None else self.size)
                    return self.Output(size=len(found[:1]), row=found[0] if found else None)
                case FetchType.FETCH:
                    rows = [each async for found in self._found(instance) for each in found]
                    return self.Output(size=len(rows), rows=rows)
            path = spare_file(ctx)
            with path.open("wb") as file:
                writer = RowWriter(file)
                async for found in self._found(instance):
                    for each in found:
                        writer.write(each)
            return self.Output(size=writer.count, uri=await ctx.files.put(path, "executions.ion"))

    async def _found(self, instance: Instance) -> AsyncIterator[list[Json]]:
        if self.page is not None:
            yield await self._page(instance, self.page, self.size)
            return
        async for found in instance.pages("executions", "search", params=self._params(), size=self.size):
            yield found

    async def _page(self, instance: Instance, page: int, size: int) -> list[Json]:
        params = {**self._params(), "page": page, "size": size}
        found: Json = await instance.call("GET", "executions", "search", params=params)
        results: list[Json] = found["results"]
        return results

    def _params(self) -> dict[str, Any]:
        labels = {f"filters[labels][EQUALS][{key}]": str(value) for key, value in self.labels.items()}
        wanted = {
            "filters[namespace][PREFIX]": self.namespace,
            "filters[flowId][EQUALS]": self.flow_id,
            "filters[state][IN]": ",".join(self.states),
            "filters[startDate][GREATER_THAN_OR_EQUAL_TO]": _instant(self.start_date),
            "filters[startDate][LESS_THAN_OR_EQUAL_TO]": _instant(self.end_date),
            "filters[timeRange][EQUALS]": self.time_range and iso8601.format_duration(self.time_range),
            "filters[childFilter][EQUALS]": self.child_filter,
            "filters[triggerExecutionId][EQUALS]": self.trigger_execution_id,
            "filters[scope][EQUALS]": ",".join(self.flow_scopes),
        }
        return {name: value for name, value in wanted.items() if value} | labels


async def counted(instance: Instance, params: dict[str, Any]) -> int:
    """How many executions fit."""
    found = await instance.call("GET", "executions", "search", params={**params, "page": 1, "size": 1})
    total: int = found["total"]
    return total


def _instant(at: datetime | None) -> str | None:
    return None if at is None else iso8601.format_instant(at)
