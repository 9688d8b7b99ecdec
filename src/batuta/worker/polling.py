"""Polling triggers: one look, with what an attempt of a task has at hand."""

from __future__ import annotations

from typing import Protocol, cast

from msgspec.structs import replace

from batuta.engine.world import World
from batuta.firing.rules import Rule
from batuta.plugin.outputs import plain_outputs
from batuta.plugin.trigger import Found, PollingTrigger
from batuta.worker.attempt import Bench
from batuta.worker.looking import LookContext, at_work, wrong_kind


class Looks(Protocol):
    """Whoever looks on behalf of a trigger."""

    async def poll(self, rule: Rule, execution_id: str) -> Found:
        """What was found; its variables are plain data, None for nothing.

        Raises:
            BatutaError: it could not look.
        """


class Poller:
    """Looks on behalf of triggers. Files are stored below the execution that a look may start."""

    def __init__(self, bench: Bench, world: World) -> None:
        self._bench = bench
        self._world = world

    async def poll(self, rule: Rule, execution_id: str) -> Found:
        """See `Looks.poll`."""
        async with at_work(self._bench, self._world, rule, execution_id) as (trigger, context):
            if not isinstance(trigger, PollingTrigger):
                raise wrong_kind(rule, "poll")
            answer = await trigger.poll(context)
            found = answer if isinstance(answer, Found) else Found(variables=answer)
            seen = cast(LookContext, context).secrecy.seen
            return replace(found, variables=plain_outputs(found.variables), secrets=seen)
