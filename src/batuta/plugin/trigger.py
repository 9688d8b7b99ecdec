"""Trigger types: one small typed class each; its fields are its properties (triggers spec A1).

A trigger in document form (`model.flow.TriggerDefinition`) becomes an instance of its class when it is looked
at. Properties that all triggers share are no fields: the scheduler knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from batuta.plugin.context import RunContext
from batuta.plugin.task import Output


class Problem(msgspec.Struct, frozen=True):
    """Something wrong with a property that its type alone does not tell."""

    name: str
    message: str
    hint: str | None = None


class Trigger(msgspec.Struct, kw_only=True, rename="camel"):
    """What starts a flow besides people."""

    extra: ClassVar[str | None] = None
    """The optional dependency group whose libraries it needs."""

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the properties; asked when a flow is saved, if none of them is a template."""
        return iter(())


Inputs = Annotated[dict[str, Any] | None, Meta(description="Inputs of the execution; values are rendered.")]


class Ticks(Protocol):
    """What a schedule gives: instants in order (see `timetable`)."""

    def next_after(self, instant: datetime) -> datetime | None:
        """The first strictly after an instant."""

    def previous_before(self, instant: datetime) -> datetime | None:
        """The last strictly before an instant."""


class ScheduledTrigger(Trigger, kw_only=True):
    """A trigger whose ticks are known beforehand."""

    tells_dates: ClassVar[bool] = True
    """Executions see `trigger.date`, `trigger.next` and `trigger.previous`."""

    inputs: Inputs = None
    recover_missed_schedules: Annotated[
        Literal["ALL", "LAST", "NONE"] | None,
        Meta(description="Which ticks are made good that were missed while nothing could start."),
    ] = None
    timezone: Annotated[str | None, Meta(description="Zone of the dates, such as Europe/Paris.")] = None

    def ticks(self, zone: str) -> Ticks:
        """Its ticks; `zone` is the server's, for a trigger that names none."""
        raise NotImplementedError


class PollingTrigger(Trigger, kw_only=True):
    """A trigger that looks at something every now and then, and starts the flow when it finds something."""

    interval: Annotated[timedelta, Meta(description="Time from the end of a look to the next.")] = timedelta(
        seconds=60
    )

    async def poll(self, ctx: RunContext) -> Output | dict[str, Any] | None:
        """Look; what is found becomes `trigger` in the execution, None starts none.

        Raises:
            errors.TaskError: it could not look.
        """
        raise NotImplementedError
