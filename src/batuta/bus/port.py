"""The bus: carries hints, "there may be work for you".

The database is the truth. A bus may lose, repeat or reorder hints; whoever receives one looks in the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec


class Hint(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="hint"):
    """Something that a receiver may want to look at."""


class JobsWaiting(Hint, frozen=True, kw_only=True):
    """There are jobs that nobody has taken."""


class StopAttempts(Hint, frozen=True, kw_only=True):
    """Attempts of these task runs shall stop."""

    task_run_ids: tuple[str, ...]


class ExecutionChanged(Hint, frozen=True, kw_only=True):
    """The rows of an execution changed."""

    execution_id: str
    settled: bool = False
    """Nothing more will happen to it."""


class LogsWritten(Hint, frozen=True, kw_only=True):
    """Lines were added to the log of an execution."""

    execution_id: str


class FlowSaved(Hint, frozen=True, kw_only=True):
    """A flow has a new revision."""

    namespace: str
    flow_id: str


class TriggersChanged(Hint, frozen=True, kw_only=True):
    """Somebody has changed records of triggers: the next one may be due earlier."""


class TriggerJobsChanged(Hint, frozen=True, kw_only=True):
    """There are evaluations of triggers that nobody has taken, or some that shall stop."""


class TriggerStarted(Hint, frozen=True, kw_only=True):
    """A worker has started an execution whose end concerns its trigger: it is locked, or may stop."""

    namespace: str
    flow_id: str
    trigger_id: str
    execution_id: str


AnyHint = (
    JobsWaiting
    | StopAttempts
    | ExecutionChanged
    | LogsWritten
    | FlowSaved
    | TriggersChanged
    | TriggerJobsChanged
    | TriggerStarted
)


class Bus(Protocol):
    """Publishes hints to whoever subscribed to their class."""

    async def publish(self, *hints: AnyHint) -> None:
        """Send hints, after the commit that made them true. Never raises for an absent receiver."""

    def subscribe(self, *kinds: type[Any]) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """Hints of these classes from the moment the context is entered.

        A receiver that does not keep up loses the oldest hints, never the newest one, and holds back nobody.
        """

    async def close(self) -> None:
        """End every subscription."""
