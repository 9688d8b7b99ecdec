"""Trigger types: one small typed class each; its fields are its properties (triggers spec A1).

A trigger in document form (`model.flow.TriggerDefinition`) becomes an instance of its class when it is looked
at. Properties that all triggers share are no fields: the scheduler knows them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from batuta.errors import TaskError
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


class SourceDown(TaskError):
    """What a trigger looks at cannot be reached: it waits, and tries again by itself."""

    code = "trigger.source-down"


class TriggerContext(RunContext, Protocol):
    """What a trigger sees of the program beyond what a task does (see `plugin.context.RunContext`)."""

    async def recall(self, key: str | None = None) -> Any:
        """What an earlier look has left under a key (see `Found.state`); None when there is nothing."""

    async def unseen(self, occasions: Sequence[str]) -> list[str]:
        """Those occasions that this trigger has not dealt with (see `Found.occasions`), in their order."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look has found, and what belongs to it.

    State and occasions are written in the transaction that creates the execution: none of them is ever there
    without the others. Whatever the source forgets once it is told, it is told in `settle`, afterwards.
    """

    variables: Output | dict[str, Any] | None = None
    """`trigger` in the execution; None starts none, and only the state is written."""
    occasions: tuple[str, ...] = ()
    """Ids that the source gives to what was found, by which a later look knows what was dealt with."""
    state: Any = None
    """What the next look shall recall; JSON data. None leaves what is there."""
    state_key: str | None = None
    """Key of the state in the namespace; by default one that is the trigger's own."""
    state_ttl: timedelta | None = None
    settle: Callable[[], Awaitable[None]] | None = None
    """Called once all of it is on the disk: acknowledge, move, delete. It may fail: the next look sees again
    what was not settled, and has to know it by its occasions or its state."""
    secrets: tuple[str, ...] = ()
    """What the look has seen of secrets; the worker fills it in, so that the execution does not show them."""
    release: Callable[[], Awaitable[None]] | None = None
    """Called at the very end, whatever has come of it: closes what `settle` needs."""


class PollingTrigger(Trigger, kw_only=True):
    """A trigger that looks at something every now and then, and starts the flow when it finds something."""

    interval: Annotated[timedelta, Meta(description="Time from the end of a look to the next.")] = timedelta(
        seconds=60
    )

    async def poll(self, ctx: TriggerContext) -> Output | Found | dict[str, Any] | None:
        """Look; what is found becomes `trigger` in the execution, None starts none.

        A `Found` tells as well what the trigger has to remember, and what to do once the execution exists.

        Raises:
            SourceDown: what it looks at cannot be reached.
            errors.TaskError: it could not look for another reason.
        """
        raise NotImplementedError


class Feed(Protocol):
    """Takes the messages of a realtime trigger."""

    async def opened(self) -> None:
        """The source is reached: the trigger no longer waits for it."""

    async def emit(self, variables: Output | dict[str, Any], *, occasion: str | None = None) -> bool:
        """Start an execution for a message; it is on the disk when this returns, and may be acknowledged.

        False for an `occasion` that was dealt with before, or where the trigger's conditions do not hold:
        nothing is started, and it may be acknowledged as well.
        """


class RealtimeTrigger(Trigger, kw_only=True):
    """A trigger that listens all the time, and starts one execution for each message."""

    async def listen(self, ctx: TriggerContext, feed: Feed) -> None:
        """Hand every message to `feed`, and acknowledge it afterwards; until cancelled.

        It is called again, after a while, when it returns or raises.

        Raises:
            SourceDown: the source cannot be reached, or is no longer there.
            errors.TaskError: it cannot listen for another reason.
        """
        raise NotImplementedError
